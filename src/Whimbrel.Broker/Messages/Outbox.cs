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
/// <remarks>A part of its session: most sessions never queue, and then it is one word.</remarks>
internal struct Outbox
{
    /// <summary>A full outbox is searched for expired messages this often at most: a search walks everything.</summary>
    private const int ExpirySearchMilliseconds = 1000;

    private Waiting? _waiting;

    public readonly int Count => _waiting?.Deliveries.Count ?? 0;

    public readonly long Bytes => _waiting?.Bytes ?? 0;

    /// <summary>Whether a QoS 0 delivery is queued: another one must queue behind it and not overtake it [MQTT-4.6.0-5].</summary>
    public readonly bool HasQoS0 => _waiting is { QoS0Count: > 0 };

    /// <summary>How many queued deliveries had to ask for their permission.</summary>
    public readonly int AskedCount => _waiting?.AskedCount ?? 0;

    /// <summary>Whether one more of this size fits, perhaps after what has expired is dropped.</summary>
    public readonly bool TryMakeRoom(int size, string clientId, Turn turn)
    {
        BrokerOptions options = turn.Broker.Options;
        if (!HasRoom(size, options) && _waiting is { ExpiringCount: > 0 } waiting && turn.Now >= waiting.ExpirySearchDue)
        {
            waiting.ExpirySearchDue = turn.Now + ExpirySearchMilliseconds;
            Extract(
                delivery => delivery.Message.IsExpired(turn.Now),
                delivery => turn.Dropped(DropReason.Expired, clientId, delivery));
        }

        return HasRoom(size, options);
    }

    /// <summary>
    /// Takes a delivery in. What the bounds push out, the new one included, is reported to <paramref name="turn"/>.
    /// </summary>
    /// <returns>False when the new delivery itself was dropped.</returns>
    public bool TryEnqueue(in Delivery delivery, string clientId, Turn turn)
    {
        BrokerOptions options = turn.Broker.Options;
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

            while (!turn.IsAdmitted && !HasRoom(size, options) && TryDequeue(out Delivery oldest))
                turn.Dropped(DropReason.OutboxFullOldest, clientId, oldest);
        }

        Restore(delivery.Message.IsPassing ? delivery.With(turn.Lasting(delivery.Message)) : delivery);
        return true;
    }

    /// <summary>Takes in what was queued before the start, whatever the bounds are now.</summary>
    public void Restore(in Delivery delivery)
    {
        _waiting ??= new Waiting();
        _waiting.Deliveries.Enqueue(delivery);
        _waiting.Account(delivery, 1);
    }

    public readonly bool TryPeek(out Delivery delivery)
    {
        delivery = default;
        return _waiting is not null && _waiting.Deliveries.TryPeek(out delivery);
    }

    public readonly bool TryDequeue(out Delivery delivery)
    {
        delivery = default;
        if (_waiting is null || !_waiting.Deliveries.TryDequeue(out delivery))
            return false;
        _waiting.Account(delivery, -1);
        return true;
    }

    /// <summary>Takes out every delivery that <paramref name="select"/> wants, keeping the order of the rest.</summary>
    public readonly void Extract(Func<Delivery, bool> select, Action<Delivery> take)
    {
        for (int i = Count; i > 0; i--)
        {
            _waiting!.Deliveries.TryDequeue(out Delivery delivery);
            if (select(delivery))
            {
                _waiting.Account(delivery, -1);
                take(delivery);
            }
            else
            {
                _waiting.Deliveries.Enqueue(delivery);
            }
        }
    }

    private readonly bool HasRoom(int size, BrokerOptions options) => Count < options.OutboxMessagesMax && Bytes + size <= options.OutboxBytesMax;

    private sealed class Waiting
    {
        public SegmentedQueue<Delivery> Deliveries { get; } = new();

        public long Bytes { get; private set; }

        public int QoS0Count { get; private set; }

        public int AskedCount { get; private set; }

        public int ExpiringCount { get; private set; }

        public long ExpirySearchDue { get; set; }

        public void Account(in Delivery delivery, int sign)
        {
            Bytes += sign * delivery.Size;
            QoS0Count += delivery.QoS == QoS.AtMostOnce ? sign : 0;
            ExpiringCount += delivery.Message.ExpiresAt != Message.Never ? sign : 0;
            AskedCount += delivery.Permission is not null ? sign : 0;
        }
    }
}
