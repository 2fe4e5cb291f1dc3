namespace Whimbrel.Storage;

/// <summary>
/// What a key of <see cref="Family.State"/> holds: the byte behind the session's number. A session's own record is the first of its
/// keys, so that one scan tells every session with all that belongs to it, and shows what belongs to none.
/// </summary>
internal enum StateKind : byte
{
    /// <summary>The session itself.</summary>
    Session,

    /// <summary>Followed by the filter.</summary>
    Subscription,

    /// <summary>Followed by the will's number.</summary>
    Will,

    /// <summary>Which deliveries are done with.</summary>
    Acknowledged,

    /// <summary>Followed by the packet identifier; the value is empty.</summary>
    Received,

    /// <summary>Followed by the sequence number of the copy.</summary>
    Sent,
}

/// <summary>What the store keeps for itself, under the session number that no session has.</summary>
internal enum OwnKind : byte
{
    /// <summary>The number of the format: there is no record without it.</summary>
    Format,

    /// <summary>The ends of the blocks of message identifiers and session numbers that may have been given.</summary>
    Numbers,

    /// <summary>Message identifiers up to this one may have been put twice.</summary>
    Tainted,
}
