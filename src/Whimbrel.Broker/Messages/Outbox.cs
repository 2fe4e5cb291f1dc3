using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a full outbox does with one message more.</summary>
public enum OutboxPolicy : byte
{
    /// <summary>The oldest queued messages make room.</summary>
    DropOldest,

    /// <summary>The new message is dropped.</summary>
    DropNewest,

    /// <summary>
    /// The publisher is told 0x97 (quota exceeded) and nobody gets the message. QoS 0 and wills, which have no answer, are dropped where
    /// there is no room.
    /// </summary>
    RejectPublisher,
}

/// <summary>A session's queue of deliveries that cannot be sent yet, bounded by count and bytes. Guarded by the session's gate.</summary>
internal sealed class Outbox(BrokerOptions options)
{
    /// <summary>A full outbox is searched for expired messages this often at most: a search walks everything.</summary>
    private const int ExpirySearchMilliseconds = 1000;

    private Queue<Delivery>? _deliveries;
    private int _qos0Count;
    private int _expiringCount;
    private long _expirySearchDue;

    public int Count => _deliveries?.Count ?? 0;

    public long Bytes { get; private set; }

    /// <summary>Whether a QoS 0 delivery is queued: another one must queue behind it and not overtake it [MQTT-4.6.0-5].</summary>
    public bool HasQoS0 => _qos0Count > 0;

    /// <summary>How many queued deliveries had to ask for their permission.</summary>
    public int AskedCount { get; private set; }

    /// <summary>Whether one more of this size fits, perhaps after what has expired is dropped.</summary>
    public bool TryMakeRoom(int size, string clientId, Turn turn)
    {
        if (!HasRoom(size) && _expiringCount > 0 && turn.Now >= _expirySearchDue)
        {
            _expirySearchDue = turn.Now + ExpirySearchMilliseconds;
            Extract(
                delivery => delivery.Message.IsExpired(turn.Now),
                delivery => turn.Dropped(DropReason.Expired, clientId, delivery));
        }

        return HasRoom(size);
    }

    /// <summary>
    /// Takes a delivery in. What the bounds push out, the new one included, is reported to <paramref name="turn"/>.
    /// </summary>
    /// <returns>False when the new delivery itself was dropped.</returns>
    public bool TryEnqueue(in Delivery delivery, string clientId, Turn turn)
    {
        int size = delivery.Size;
        if (!TryMakeRoom(size, clientId, turn))
        {
            // What was admitted and finds no room raced with another publisher, or came through a shared subscription as well: it is
            // kept, and the bound is exceeded by one message for each of those at most.
            if (!turn.IsAdmitted && (options.OutboxPolicy != OutboxPolicy.DropOldest || size > options.OutboxBytesMax))
            {
                turn.Dropped(DropReason.OutboxFullNewest, clientId, delivery);
                return false;
            }

            while (!turn.IsAdmitted && !HasRoom(size) && TryDequeue(out Delivery oldest))
                turn.Dropped(DropReason.OutboxFullOldest, clientId, oldest);
        }

        Restore(delivery.Message.IsPassing ? delivery.With(turn.Lasting(delivery.Message)) : delivery);
        return true;
    }

    /// <summary>Takes in what was queued before the start, whatever the bounds are now.</summary>
    public void Restore(in Delivery delivery)
    {
        (_deliveries ??= new Queue<Delivery>()).Enqueue(delivery);
        Account(delivery, 1);
    }

    public bool TryPeek(out Delivery delivery)
    {
        delivery = default;
        return _deliveries is not null && _deliveries.TryPeek(out delivery);
    }

    public bool TryDequeue(out Delivery delivery)
    {
        delivery = default;
        if (_deliveries is null || !_deliveries.TryDequeue(out delivery))
            return false;
        Account(delivery, -1);
        return true;
    }

    /// <summary>Takes out every delivery that <paramref name="select"/> wants, keeping the order of the rest.</summary>
    public void Extract(Func<Delivery, bool> select, Action<Delivery> take)
    {
        for (int i = Count; i > 0; i--)
        {
            Delivery delivery = _deliveries!.Dequeue();
            if (select(delivery))
            {
                Account(delivery, -1);
                take(delivery);
            }
            else
            {
                _deliveries.Enqueue(delivery);
            }
        }
    }

    private void Account(in Delivery delivery, int sign)
    {
        Bytes += sign * delivery.Size;
        _qos0Count += delivery.QoS == QoS.AtMostOnce ? sign : 0;
        _expiringCount += delivery.Message.ExpiresAt != Message.Never ? sign : 0;
        AskedCount += delivery.Permission is not null ? sign : 0;
    }

    private bool HasRoom(int size) => Count < options.OutboxMessagesMax && Bytes + size <= options.OutboxBytesMax;
}
