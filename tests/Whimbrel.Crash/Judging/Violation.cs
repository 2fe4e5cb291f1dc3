namespace Whimbrel.Crash.Judging;

/// <summary>One thing that a broker must not do, and did.</summary>
internal sealed record Violation(ViolationKind Kind, string Client, string Text)
{
    public override string ToString() => $"{Kind} at {Client}: {Text}";
}

internal enum ViolationKind
{
    /// <summary>Acknowledged to its publisher, matched a persistent session, and was never delivered to it.</summary>
    Lost,

    /// <summary>A QoS 2 message reached an application twice.</summary>
    Repeated,

    /// <summary>A later message of one topic was delivered first, before an earlier one.</summary>
    OutOfOrder,

    /// <summary>Delivered to a session that cannot have had a subscription for it: it was removed before, or belonged to a session that ended.</summary>
    Uncalled,

    /// <summary>Another topic, another body, or a message that nobody ever published.</summary>
    Corrupt,

    /// <summary>CONNACK denies a session that must exist.</summary>
    SessionLost,

    /// <summary>CONNACK claims a session that was ended or never was.</summary>
    SessionReturned,

    /// <summary>An acknowledged retained message is not there, or an older one is in its place.</summary>
    RetainedLost,

    /// <summary>A new subscription was shown a retained message that had been replaced before.</summary>
    RetainedStale,

    /// <summary>A will was published though its client had come back in time.</summary>
    WillNotCancelled,

    /// <summary>A publish or a subscription was refused, though nothing gave a reason to.</summary>
    Refused,

    /// <summary>The broker ended a connection while it was alive and the client had done nothing wrong.</summary>
    ClosedByBroker,

    /// <summary>The broker's process ended by itself.</summary>
    Ended,

    /// <summary>The broker was left alone, and its clients could not finish what they had begun.</summary>
    Unfinished,

    /// <summary>A packet that does not parse, or has no place where it came.</summary>
    Malformed,

    /// <summary>A PUBLISH with the packet identifier 0.</summary>
    PacketIdZero,

    /// <summary>A packet identifier was given to a message while another one had it.</summary>
    PacketIdInUse,

    /// <summary>A message was sent again under its packet identifier without DUP.</summary>
    DuplicateFlagMissing,

    /// <summary>PUBREL for a message that the client had not acknowledged with PUBREC.</summary>
    ReleasedTooSoon,

    /// <summary>An acknowledgement of something that was not sent, or acknowledged already.</summary>
    AckUnknown,

    /// <summary>Acknowledgements in another order than the packets that they acknowledge.</summary>
    AckOutOfOrder,

    /// <summary>More unacknowledged messages than the client had said that it takes.</summary>
    ReceiveMaximumExceeded,
}
