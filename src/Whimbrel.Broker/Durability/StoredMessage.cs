using Whimbrel.Protocol;

namespace Whimbrel.Broker;

internal enum StoredMessageState : byte
{
    /// <summary>Still being routed, or needed by nobody before it was written.</summary>
    New,

    /// <summary>In the open batch. When nobody needs it any more before the batch is taken, it is never written.</summary>
    Pending,

    /// <summary>In a batch that was taken: on disk, or soon.</summary>
    Written,
}

/// <summary>A message that the store keeps once for all sessions that still need it.</summary>
/// <remarks>Guarded by the journal; its immutable parts and <see cref="Copies"/> of a taken batch are read by the writer without it.</remarks>
internal sealed class StoredMessage(Message message)
{
    private StoredCopy[] _copies = [];
    private int _copyCount;

    public Message Message => message;

    /// <summary>Given when it is put into a batch; never used twice.</summary>
    public long Id { get; set; }

    public StoredMessageState State { get; set; }

    /// <summary>The batch that it was put into; 0 while it is being routed.</summary>
    public long Position { get; set; }

    /// <summary>How many of its copies are kept and not done.</summary>
    public int Remaining { get; set; }

    /// <summary>The copies that its record names. None any more once that record is written.</summary>
    public ReadOnlySpan<StoredCopy> Copies => _copies.AsSpan(0, _copyCount);

    /// <summary>Copies that have records of their own: shared deliveries that went to another member later.</summary>
    public List<StoreBatch.SentKey>? Added { get; set; }

    public void AddCopy(StoredCopy copy)
    {
        // Most messages have one.
        if (_copyCount == _copies.Length)
            Array.Resize(ref _copies, Math.Max(1, _copyCount * 2));
        _copies[_copyCount++] = copy;
    }

    public void RemoveDoneCopies()
    {
        int kept = 0;
        foreach (StoredCopy copy in Copies)
        {
            if (!copy.IsDone)
                _copies[kept++] = copy;
        }

        _copyCount = kept;
    }

    public void ForgetCopies()
    {
        _copies = [];
        _copyCount = 0;
    }
}

/// <summary>One session's copy of a stored message, from its routing until that session needs it no more.</summary>
internal sealed class StoredCopy(StoredMessage message, StoredSession session, long sequence, in Delivery delivery)
{
    public StoredMessage Message => message;

    public StoredSession Session => session;

    /// <summary>Its place among the session's deliveries.</summary>
    public long Sequence => sequence;

    public QoS QoS { get; } = delivery.QoS;

    public bool Retain { get; } = delivery.Retain;

    public uint[]? SubscriptionIds { get; } = delivery.SubscriptionIds;

    /// <summary>The filter of the shared subscription that chose the session, or null.</summary>
    public string? Group { get; } = delivery.Group?.Filter;

    /// <summary>The packet identifier that it was sent with, 0 before. Guarded by the journal.</summary>
    public ushort PacketId { get; set; }

    /// <summary>The batch that holds <see cref="PacketId"/>; 0 while there is none or the message's own record will hold it. Guarded by the journal.</summary>
    public long SentPosition { get; set; }

    /// <summary>Whether it left for the client: from then on it goes out again with DUP. Guarded by the session's gate.</summary>
    public bool WasSent { get; set; }

    /// <summary>Whether it counts among its message's copies, from the end of its routing on. Guarded by the journal.</summary>
    public bool IsKept { get; set; }

    /// <summary>Whether the session needs the message no more. Guarded by the journal.</summary>
    public bool IsDone { get; set; }

    /// <summary>What is left of a QoS 2 delivery whose PUBREC came before a restart: an identifier that PUBCOMP sets free.</summary>
    public static Delivery Released(StoredSession session, long sequence, ushort packetId)
    {
        var delivery = new Delivery(default, QoS.ExactlyOnce, retain: false);
        var copy = new StoredCopy(new StoredMessage(delivery.Message) { State = StoredMessageState.Written }, session, sequence, delivery)
        {
            PacketId = packetId,
            SentPosition = Journal.BeforeStart,
            IsDone = true,
        };
        return delivery.With(copy);
    }
}
