using System.Buffers;
using System.Collections;
using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Client.Engine;

/// <summary>The way out: the outbox, the window and what the server says to it.</summary>
internal sealed partial class ClientEngine
{
    private const int StackBytes = 512;

    private readonly InFlightWindow<Delivery> _window = new();
    private Queue<Delivery> _queue = new();
    private SendAliases _sendAliases = new(0);
    private long _outboxBytes;
    private int _outboxCount;
    private int _expiring;
    private readonly Predicate<ushort> _isTicket;
    private bool _hasWaiters;
    private bool _isCautious;
    private bool _answeredSinceOpen;
    private bool _pingedSinceSent;
    private int _sentSinceOpen;

    // Set while the session is one of which this process knows only that the server has it: the identifiers that are known to be free there.
    private BitArray? _released;

    /// <summary>Messages of QoS 1 and 2 that are not acknowledged, queued or in flight.</summary>
    public int OutboxCount => _outboxCount;

    public long OutboxBytes => _outboxBytes;

    public int InFlightCount => _window.Count;

    /// <summary>Whether one more message of this size is within the outbox's bounds. One is always let in.</summary>
    public bool HasRoom(int bytes) => _outboxCount == 0 || (_outboxCount < _options.MessagesMax && _outboxBytes + bytes <= _options.BytesMax);

    /// <summary>Somebody waits for room and wants to be told.</summary>
    public void AwaitRoom() => _hasWaiters = true;

    /// <summary>Writes a QoS 0 PUBLISH. The caller has seen <see cref="IsConnected"/>.</summary>
    /// <returns>Null, or why it cannot be sent.</returns>
    public ReasonCode? Publish(string topic, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> properties, bool retain, uint? expirySeconds) =>
        WritePublish(topic, payload, properties, QoS.AtMostOnce, retain, false, 0, expirySeconds);

    /// <summary>Takes a message of QoS 1 or 2 into the outbox, and sends it when it is its turn.</summary>
    public void Enqueue(Delivery delivery, long now)
    {
        TakeIn(delivery);
        if (_options.IsDurable)
        {
            delivery.Key = ++_lastKey;
            Change(new MqttOutboxChange(MqttOutboxChangeKind.Add, delivery.Key, 0, StoredMessage.Encode(delivery)));
        }

        Pump(now);
    }

    /// <summary>
    /// The caller does not wait any more. True: the message had not left and is gone. False: it is on its way, and its outcome goes nowhere.
    /// </summary>
    public bool Abandon(Delivery delivery)
    {
        delivery.IsAbandoned = true;
        if (delivery.State == DeliveryState.InFlight)
        {
            delivery.OwnPayload();
            return false;
        }

        // Its place in the queue is found when it is its turn.
        delivery.State = DeliveryState.Done;
        LeaveOutbox(delivery);
        return true;
    }

    /// <summary>Gives up the oldest message that has not been sent. False if there is none.</summary>
    public bool DropOldest()
    {
        while (_queue.TryDequeue(out Delivery? oldest))
        {
            if (oldest.State == DeliveryState.Done)
            {
                oldest.LetGo();
                continue;
            }

            Finish(oldest, default, new MqttOutboxFullException("The outbox was full and this was the oldest message in it."));
            return true;
        }

        return false;
    }

    /// <summary>
    /// Nobody is to wait any longer. Without a store everything is given up; what a store keeps stays, to be delivered by the next connection
    /// of this process or another.
    /// </summary>
    public void FailAll(Exception exception)
    {
        foreach (InFlight<Delivery> entry in _window.InOrder())
            Fail(entry.Item);
        if (!_options.IsDurable)
            _window.Clear();
        for (int count = _queue.Count; count > 0; count--)
        {
            Delivery delivery = _queue.Dequeue();
            if (delivery.State == DeliveryState.Done)
                delivery.LetGo();
            else
                Fail(delivery);
            if (_options.IsDurable && delivery.State == DeliveryState.Queued)
                _queue.Enqueue(delivery);
        }

        void Fail(Delivery delivery)
        {
            if (!_options.IsDurable)
            {
                Finish(delivery, default, exception);
            }
            else if (!delivery.IsAbandoned)
            {
                delivery.SetOutcome(default, exception);
                delivery.OwnPayload();
                delivery.IsAbandoned = true;
                _host.Finished(delivery);
            }
        }
    }

    /// <summary>Sends what may be sent: first what an earlier connection left, then the queue.</summary>
    private void Pump(long now)
    {
        if (!IsConnected || _isProbing)
            return;
        while (_window.TryNextResend(out InFlight<Delivery> entry))
            Resend(entry, now);
        while (_window.Free > 0 && _queue.TryDequeue(out Delivery? delivery))
        {
            if (delivery.State == DeliveryState.Done)
            {
                delivery.LetGo();
                continue;
            }

            if (delivery.ExpiresAt <= now)
            {
                Expire(delivery);
                continue;
            }

            delivery.State = DeliveryState.InFlight;
            ushort id = _window.Add(delivery, delivery.QoS, _isTicket);
            if (_options.IsDurable)
            {
                Change(new MqttOutboxChange(MqttOutboxChangeKind.Assign, delivery.Key, id, default));
                _held.Enqueue(new HeldPacket(PacketType.Publish, id, ReasonCode.Success, _openPosition));
            }
            else
            {
                SendInFlight(delivery, id, isRepetition: false, now);
            }
        }
    }

    private void Resend(in InFlight<Delivery> entry, long now)
    {
        if (entry.State == InFlightState.AwaitingPubComp)
            WriteAck(PacketType.PubRel, entry.PacketId, ReasonCode.Success);
        else
            SendInFlight(entry.Item, entry.PacketId, entry.Item.WasSent, now);
    }

    private void SendInFlight(Delivery delivery, ushort id, bool isRepetition, long now)
    {
        Release(delivery, id, isRepetition);
        uint? expiry = delivery.ExpiresAt == long.MaxValue ? null : (uint)Math.Max(0, (delivery.ExpiresAt - now + 999) / 1000);
        ReasonCode? refusal = WritePublish(
            delivery.Topic, delivery.Payload.Span, delivery.Properties, delivery.QoS, delivery.Retain, isRepetition, id, expiry);
        if (refusal is { } reason)
        {
            _window.TryComplete(id, delivery.QoS == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck : InFlightState.AwaitingPubRec, out _);
            Finish(delivery, default, NotSent(delivery.Topic, reason));
            return;
        }

        delivery.WasSent = true;
        _sentSinceOpen++;
        _pingedSinceSent = false;
    }

    /// <summary>
    /// A process before this one may have left an identifier of QoS 2 half done, and the server would take the next message with it for a
    /// repetition [MQTT-4.3.3-10]. PUBREL ends whatever there was; the PUBCOMP that answers it says nothing to us.
    /// </summary>
    private void Release(Delivery delivery, ushort id, bool isRepetition)
    {
        if (_released is null || delivery.QoS != QoS.ExactlyOnce || isRepetition || _released[id])
            return;
        _released[id] = true;
        WriteAck(PacketType.PubRel, id, ReasonCode.Success);
    }

    /// <summary>Why a message was not sent: of what the server said when it accepted the connection.</summary>
    public MqttPublishException NotSent(string topic, ReasonCode reason)
    {
        string limit = reason switch
        {
            ReasonCode.PacketTooLarge => $"the server takes packets of at most {Server.MaximumPacketBytes} bytes",
            ReasonCode.QoSNotSupported => $"the server takes up to QoS {(int)Server.MaximumQoS}",
            ReasonCode.RetainNotSupported => "the server takes no retained messages",
            _ => "the server said so when it accepted the connection",
        };
        return new MqttPublishException($"The message to '{topic}' cannot be sent: {MqttException.Describe(reason, limit)}.", reason);
    }


    private ReasonCode? WritePublish(
        string topic, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> properties, QoS qos, bool retain, bool duplicate, ushort id, uint? expirySeconds)
    {
        if (retain && !Server.RetainAvailable)
            return ReasonCode.RetainNotSupported;
        if (qos > (QoS)Server.MaximumQoS)
            return ReasonCode.QoSNotSupported;
        int length = Encoding.UTF8.GetByteCount(topic);
        byte[]? rented = length > StackBytes ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> encoded = rented ?? stackalloc byte[StackBytes];
        encoded = encoded[..Encoding.UTF8.GetBytes(topic, encoded)];
        var packet = new PublishPacket
        {
            Topic = encoded,
            QoS = qos,
            Retain = retain,
            Duplicate = duplicate,
            PacketId = id,
            PropertyBlock = properties,
            Payload = payload,
        };
        if (expirySeconds is { } seconds)
        {
            packet.HasMessageExpiry = true;
            packet.MessageExpirySeconds = seconds;
        }

        int size = packet.Measure(Version);
        ReasonCode? refusal = size > Server.MaximumPacketBytes ? ReasonCode.PacketTooLarge : null;
        if (refusal is null)
        {
            // The alias property is 3 bytes; a packet that has no room for them keeps its name.
            bool isNew = true;
            packet.TopicAlias = size + 4 > Server.MaximumPacketBytes ? (ushort)0 : _sendAliases.Get(topic, out isNew);
            if (packet.TopicAlias != 0 && !isNew)
                packet.Topic = default;
            Output.Advance(packet.Write(Output.Reserve(size + 4), Version));
        }

        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        return refusal;
    }
}
