namespace Whimbrel.Broker;

/// <summary>
/// A session as the store knows it: by a number that no session had before. A clean start begins another one. Sessions that end with
/// their connection have none and never touch the disk.
/// </summary>
internal sealed class StoredSession(long number, SessionGate gate, AcknowledgedRuns acknowledged)
{
    public long Number => number;

    public SessionGate Gate => gate;

    /// <summary>The number of the newest delivery: deliveries are numbered in the order of the session's queue. Guarded by the gate.</summary>
    public long LastSequence { get; set; }

    /// <summary>The will that the store holds, 0 for none. Guarded by the gate.</summary>
    public long WillNumber { get; set; }

    /// <summary>The newest number of a will. Guarded by the gate.</summary>
    public long LastWillNumber { get; set; }

    /// <summary>Guarded by the journal.</summary>
    public AcknowledgedRuns Acknowledged => acknowledged;

    /// <summary>Whether the open batch will write <see cref="Acknowledged"/>. Guarded by the journal.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether the store was told that the session has ended. Guarded by the journal.</summary>
    public bool IsEnded { get; set; }

    /// <summary>What of the session is on its way to others, on some thread: deliveries that change hands, its will. Guarded by the journal.</summary>
    public int Departing { get; set; }

    /// <summary>The end of the session, while it waits for what is <see cref="Departing"/>. Guarded by the journal.</summary>
    public SessionEnded? WaitingEnd { get; set; }

    /// <summary>The batch that holds the end of the session, 0 before. Guarded by the journal.</summary>
    public long EndPosition { get; set; }

    /// <summary>The newest position that something of this session was put into. Guarded by the gate.</summary>
    public long Position { get; set; }
}
