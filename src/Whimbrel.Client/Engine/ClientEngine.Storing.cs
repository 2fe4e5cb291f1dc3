using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Client.Engine;

/// <summary>What must be written before something may be said.</summary>
internal sealed partial class ClientEngine
{
    private readonly Queue<HeldPacket> _held = new();
    private List<MqttOutboxChange> _changes = [];
    private long _openPosition = 1;
    private long _committed;
    private long _lastKey;

    /// <summary>The number of the batch that gathers now. What was changed before is in it or in an earlier one.</summary>
    public long OpenPosition => _openPosition;

    /// <summary>Whether something waits to be written.</summary>
    public bool HasChanges => _changes.Count > 0;

    /// <summary>Takes the batch; later changes go into the next one.</summary>
    public List<MqttOutboxChange> TakeChanges(out long position)
    {
        List<MqttOutboxChange> taken = _changes;
        _changes = [];
        position = _openPosition++;
        return taken;
    }

    /// <summary>The batch is safe; what waited for it leaves.</summary>
    public void Stored(long position, long now)
    {
        _committed = position;
        while (_held.TryPeek(out HeldPacket held) && held.Position <= position)
        {
            _held.Dequeue();
            if (held.Type != PacketType.Publish)
                WriteAck(held.Type, held.PacketId, held.Reason);
            else if (_window.TryGet(held.PacketId, out InFlight<Delivery> entry) && entry.State != InFlightState.AwaitingPubComp)
                SendInFlight(entry.Item, held.PacketId, isRepetition: false, now);
        }

        FlushAcks();
    }

    /// <summary>Takes over what an earlier process left, before the first connection.</summary>
    public void Restore(MqttOutboxContent content, DeliveryPool pool, Func<long, long> clock)
    {
        foreach (MqttStoredMessage message in content.Messages)
        {
            Delivery delivery = pool.Take();
            StoredMessage.Decode(message.Body.Span, delivery, clock);
            delivery.Key = message.Key;
            delivery.WasSent = message.PacketId != 0;
            delivery.IsAbandoned = true;
            _lastKey = Math.Max(_lastKey, message.Key);
            TakeIn(delivery);
        }

        // Those with an identifier are in the window and not in the queue.
        var queued = new Queue<Delivery>();
        foreach (MqttStoredMessage message in content.Messages)
        {
            Delivery delivery = _queue.Dequeue();
            if (message.PacketId == 0)
            {
                queued.Enqueue(delivery);
                continue;
            }

            delivery.State = DeliveryState.InFlight;
            InFlightState state = message.Released ? InFlightState.AwaitingPubComp
                : delivery.QoS == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck
                : InFlightState.AwaitingPubRec;
            _window.Restore(message.PacketId, state, delivery);
        }

        _queue = queued;
        foreach (ushort id in content.ReceivedPacketIds)
            _received.Add(id);
        _hasSession = content.Messages.Count > 0 || content.ReceivedPacketIds.Count > 0;
    }

    private void Change(in MqttOutboxChange change)
    {
        if (_options.IsDurable)
            _changes.Add(change);
    }

    /// <summary>A packet that waits for a batch. A PUBLISH is looked up when it leaves.</summary>
    private readonly record struct HeldPacket(PacketType Type, ushort PacketId, ReasonCode Reason, long Position);
}
