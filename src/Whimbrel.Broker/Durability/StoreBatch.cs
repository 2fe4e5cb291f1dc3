namespace Whimbrel.Broker;

/// <summary>
/// What is stored together: the changes of many sessions, each key once, so that their order among each other does not matter, except
/// that <see cref="Changes"/> apply in order and after everything else.
/// </summary>
/// <remarks>
/// While open it is guarded by the journal. Once taken, the writer alone reads it. Written by one call it is on disk as a whole or not
/// at all.
/// </remarks>
internal sealed class StoreBatch
{
    /// <summary>Names one message's copy of one session.</summary>
    public readonly record struct SentKey(long Session, long Sequence);

    /// <summary>Names one QoS 2 packet identifier of one publisher.</summary>
    public readonly record struct ReceivedKey(long Session, ushort PacketId);

    /// <summary>What a session has acknowledged, as of the moment at which the batch was taken.</summary>
    public readonly record struct AcknowledgedState(long Session, long Floor, AcknowledgedRuns.Run[] Runs);

    /// <summary>1 for the first batch, and one more for each that follows. A batch that failed is written again under the same position.</summary>
    public long Position { get; set; }

    /// <summary>The highest message identifier given so far.</summary>
    public long LastMessageId { get; set; }

    /// <summary>The highest session number given so far.</summary>
    public long LastSessionNumber { get; set; }

    /// <summary>Messages to write, with the copies that are still needed. Written once each, removed once each.</summary>
    public List<StoredMessage> Messages { get; } = [];

    /// <summary>Copies of messages that an earlier batch wrote.</summary>
    public List<StoredCopy> AddedCopies { get; } = [];

    /// <summary>Messages that nobody needs any more, written by an earlier batch.</summary>
    public List<StoredMessage> RemovedMessages { get; } = [];

    /// <summary>Packet identifiers that copies were sent with, besides those of <see cref="Messages"/> themselves.</summary>
    public Dictionary<SentKey, ushort> Sent { get; } = [];

    /// <summary>Sendings that are complete, of those that an earlier batch wrote.</summary>
    public List<SentKey> Completed { get; } = [];

    /// <summary>QoS 2 identifiers of publishers: true for accepted, false for released.</summary>
    public Dictionary<ReceivedKey, bool> Received { get; } = [];

    /// <summary>The newest retained message of each topic that changed, null for none.</summary>
    public Dictionary<byte[], Message?> Retained { get; } = new(Utf8Comparer.Instance);

    public List<AcknowledgedState> Acknowledged { get; } = [];

    /// <summary>Sessions, subscriptions and wills, in order.</summary>
    public List<StoreChange> Changes { get; } = [];

    /// <summary>Whether there is nothing to write: everything in it was undone before it was taken.</summary>
    public bool IsEmpty => Count == 0;

    /// <summary>How many changes there are.</summary>
    public int Count => Messages.Count + AddedCopies.Count + RemovedMessages.Count + Sent.Count + Completed.Count + Received.Count
        + Retained.Count + Acknowledged.Count + Changes.Count;

    /// <summary>Sessions whose <see cref="StoredSession.Acknowledged"/> changed; becomes <see cref="Acknowledged"/> when taken.</summary>
    internal List<StoredSession> Dirty { get; } = [];

    /// <summary>Clients whose session ends with this batch.</summary>
    internal HashSet<string> EndedClients { get; } = new(StringComparer.Ordinal);

    /// <summary>Who waits for this batch.</summary>
    internal List<IWakeable> Waiting { get; } = [];

    /// <summary>Whether somebody waits for it.</summary>
    internal bool IsUrgent { get; set; }

    internal void Clear()
    {
        Messages.Clear();
        AddedCopies.Clear();
        RemovedMessages.Clear();
        Sent.Clear();
        Completed.Clear();
        Received.Clear();
        Retained.Clear();
        Acknowledged.Clear();
        Changes.Clear();
        Dirty.Clear();
        EndedClients.Clear();
        Waiting.Clear();
        IsUrgent = false;
    }
}
