namespace Whimbrel.Simulation;

/// <summary>An acknowledgement that the broker owes on one connection.</summary>
/// <param name="Op">The operation that it acknowledges.</param>
/// <param name="Publication">What was published, for PUBACK and PUBREC.</param>
/// <param name="Matched">Whether it matched a subscription.</param>
/// <param name="Refused">Whether the broker said that it has no room.</param>
internal readonly record struct AwaitedAck(ushort PacketId, long Op, Publication? Publication = null, bool Matched = true, bool Refused = false);

/// <summary>What the checkers know about one connection. It ends with it.</summary>
internal sealed class LinkWatch(long number)
{
    public long Number => number;

    public Heard? Connect { get; set; }

    /// <summary>What CONNACK must say.</summary>
    public bool Present { get; set; }

    /// <summary>The operation that must be on disk before CONNACK leaves, 0 for none.</summary>
    public long ConnectOp { get; set; }

    public bool IsRefused { get; set; }

    public bool IsAccepted { get; set; }

    public bool SaidGoodbye { get; set; }

    public Queue<AwaitedAck> PubAcks { get; } = new();

    public Queue<AwaitedAck> PubRecs { get; } = new();

    public Queue<AwaitedAck> PubRels { get; } = new();

    public Queue<AwaitedAck> PubComps { get; } = new();

    public List<AwaitedAck> SubAcks { get; } = [];

    /// <summary>PUBLISH packets of QoS 1 and 2 that were sent on this connection and that its client has not completed.</summary>
    public HashSet<ushort> Outstanding { get; } = [];

    /// <summary>PUBRELs that were sent again on this connection.</summary>
    public HashSet<ushort> ResentPubRels { get; } = [];

    public Dictionary<ushort, string> Aliases { get; } = [];

    /// <summary>The operation that routed the last live message of QoS 1 or 2 that was sent here: messages leave in this order.</summary>
    public long LastOp { get; set; }
}
