using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Client.Engine;

/// <summary>How deliveries end.</summary>
internal sealed partial class ClientEngine
{
    private int _fruitless;
    private bool _isProbing;

    private bool OnAck(in Frame frame, long now, out Violation violation)
    {
        if (!AckPacket.TryParse(frame, Version, out AckPacket packet, out violation))
            return false;
        _answeredSinceOpen = true;
        switch (packet.Type)
        {
            case PacketType.PubAck:
                if (_window.TryComplete(packet.PacketId, InFlightState.AwaitingPubAck, out Delivery? acknowledged))
                    Complete(acknowledged, packet);
                break;
            case PacketType.PubRec:
                OnPubRec(packet);
                break;
            case PacketType.PubComp:
                // The outcome was told in PUBREC; 0x92 here means that the server had finished before.
                if (_window.TryComplete(packet.PacketId, InFlightState.AwaitingPubComp, out Delivery? completed))
                    Finish(completed, new MqttPublishResult(completed.Received), null);
                break;
            default:
                OnPubRel(packet.PacketId);
                return true;
        }

        LeaveCaution();
        Pump(now);
        return true;
    }

    private void OnPubRec(in AckPacket packet)
    {
        if (ReasonCodes.IsError(packet.Reason))
        {
            if (_window.TryComplete(packet.PacketId, InFlightState.AwaitingPubRec, out Delivery? refused))
                Complete(refused, packet);
            return;
        }

        if (!_window.TryGet(packet.PacketId, out InFlight<Delivery> entry))
        {
            WriteAck(PacketType.PubRel, packet.PacketId, ReasonCode.PacketIdentifierNotFound);
            return;
        }

        if (entry.State == InFlightState.AwaitingPubAck)
            return;
        if (entry.State == InFlightState.AwaitingPubRec)
        {
            entry.Item.Received = packet.Reason;
            entry.Item.DropContent();
            _window.TryReceived(packet.PacketId, entry.Item);
            if (_options.IsDurable)
            {
                Change(new MqttOutboxChange(MqttOutboxChangeKind.Release, entry.Item.Key, packet.PacketId, default));
                _held.Enqueue(new HeldPacket(PacketType.PubRel, packet.PacketId, ReasonCode.Success, _openPosition));
                return;
            }
        }

        WriteAck(PacketType.PubRel, packet.PacketId, ReasonCode.Success);
    }

    private void Complete(Delivery delivery, in AckPacket packet)
    {
        string? said = MessageProperties.Text(packet.ReasonString);
        if (ReasonCodes.IsError(packet.Reason))
            Finish(delivery, default, new MqttPublishException($"The server refused the message to '{delivery.Topic}': {MqttException.Describe(packet.Reason, said)}.", packet.Reason));
        else
            Finish(delivery, new MqttPublishResult(packet.Reason, said), null);
    }

    /// <summary>A message is done, well or not.</summary>
    private void Finish(Delivery delivery, MqttPublishResult result, Exception? error)
    {
        delivery.State = DeliveryState.Done;
        LeaveOutbox(delivery);
        Tell(delivery, result, error);
    }

    private void Tell(Delivery delivery, MqttPublishResult result, Exception? error)
    {
        if (!delivery.IsAbandoned)
        {
            delivery.SetOutcome(result, error);
            _host.Finished(delivery);
        }

        delivery.LetGo();
    }

    private void TakeIn(Delivery delivery)
    {
        delivery.State = DeliveryState.Queued;
        _outboxCount++;
        _outboxBytes += delivery.Size = delivery.Bytes;
        if (delivery.ExpiresAt != long.MaxValue)
            _expiring++;
        _queue.Enqueue(delivery);
    }

    private void LeaveOutbox(Delivery delivery)
    {
        _outboxCount--;
        _outboxBytes -= delivery.Size;
        if (delivery.ExpiresAt != long.MaxValue)
            _expiring--;
        if (delivery.Key != 0)
            Change(new MqttOutboxChange(MqttOutboxChangeKind.Remove, delivery.Key, 0, default));
        if (_hasWaiters)
        {
            _hasWaiters = false;
            _host.RoomInOutbox();
        }
    }

    private void Expire(Delivery delivery)
    {
        _host.Notice(EngineNotice.Expired, delivery.Topic);
        Finish(delivery, default, new MqttMessageExpiredException($"The message to '{delivery.Topic}' expired before it could be sent."));
    }

    /// <summary>Gives up what has expired in the queue, so that a long time without a connection does not fill the outbox with it.</summary>
    private void DropExpired(long now)
    {
        if (_expiring == 0 || _queue.Count == 0)
            return;
        bool hasExpired = false;
        foreach (Delivery delivery in _queue)
            hasExpired |= delivery.State == DeliveryState.Queued && delivery.ExpiresAt <= now;
        if (!hasExpired)
            return;
        var rest = new Queue<Delivery>(_queue.Count);
        foreach (Delivery delivery in _queue)
        {
            if (delivery.State == DeliveryState.Queued && delivery.ExpiresAt <= now)
                Expire(delivery);
            else
                rest.Enqueue(delivery);
        }

        _queue = rest;
    }

    /// <summary>
    /// The server does not know what was in flight. It comes before the queue, in its order; what the server had already taken over by
    /// PUBREC is delivered.
    /// </summary>
    private void RequeueInFlight()
    {
        if (_window.Count == 0)
            return;
        var all = new Queue<Delivery>(_window.Count + _queue.Count);
        foreach (InFlight<Delivery> entry in _window.InOrder())
        {
            if (entry.State == InFlightState.AwaitingPubComp)
            {
                Finish(entry.Item, new MqttPublishResult(entry.Item.Received), null);
                continue;
            }

            entry.Item.State = DeliveryState.Queued;
            entry.Item.WasSent = false;
            all.Enqueue(entry.Item);
        }

        foreach (Delivery delivery in _queue)
            all.Enqueue(delivery);
        _queue = all;
        _window.Clear();
    }

    /// <summary>
    /// A connection has ended. When the server closes one after the other before it has answered anything that it was sent, one message may
    /// be what it does not bear: from then on they go one at a time, and the one that is alone when it happens again and again is taken out.
    /// A server that says why is believed. One that just closes has to have answered a ping before it got the message, and none after: else
    /// it falls over by itself, and no message is to blame.
    /// </summary>
    private void NoteEnd(Blame blame)
    {
        if (blame == Blame.None || _answeredSinceOpen || _sentSinceOpen == 0)
            return;

        _fruitless++;
        if (!_isCautious)
        {
            _isCautious = blame == Blame.Named || _fruitless >= 2;
            return;
        }

        if (blame == Blame.Possible && _pingedSinceSent)
            return;
        foreach (InFlight<Delivery> entry in _window.InOrder())
        {
            if (entry.State == InFlightState.AwaitingPubComp || ++entry.Item.Rejections < _options.RejectionsMax)
                return;
            _window.TryComplete(entry.PacketId, entry.State, out _);
            _host.Notice(EngineNotice.Quarantined, entry.Item.Topic);
            Finish(entry.Item, default, new MqttPublishException($"The server closed the connection {_options.RejectionsMax} times over the message to '{entry.Item.Topic}'.", ReasonCode.ImplementationSpecificError));
            return;
        }
    }

    private void LeaveCaution()
    {
        _fruitless = 0;
        if (!_isCautious || _window.HasResends || _window.Count > 0)
            return;
        _isCautious = false;
        _window.Open(Math.Min(Server.ReceiveMaximum, _connect.InFlightMax));
    }
}
