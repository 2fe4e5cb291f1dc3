using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage;

/// <summary>What the store holds of one session, for people.</summary>
internal sealed class InspectedSession
{
    public required long Number { get; init; }

    public required string ClientId { get; init; }

    public required string? UserName { get; init; }

    public required ProtocolVersion Version { get; init; }

    /// <summary>Seconds behind the end of the connection after which the session ends; <see cref="uint.MaxValue"/> for never.</summary>
    public required uint ExpirySeconds { get; init; }

    /// <summary>Unix milliseconds; null when the session was connected when the broker last wrote about it.</summary>
    public required long? DisconnectedAt { get; init; }

    /// <summary>A session with the same client identifier began later: this one ends at the next start.</summary>
    public bool IsSuperseded { get; internal set; }

    public List<InspectedSubscription> Subscriptions { get; } = [];

    /// <summary>Messages that the session is owed, sent already or not.</summary>
    public int QueuedMessages { get; internal set; }

    /// <summary>Their topics, properties and payloads.</summary>
    public long QueuedBytes { get; internal set; }

    /// <summary>How many of the queued messages were sent and not acknowledged.</summary>
    public int InFlight { get; internal set; }

    /// <summary>QoS 2 messages that the client has; PUBREL or PUBCOMP is outstanding.</summary>
    public int Releasing { get; internal set; }

    /// <summary>QoS 2 identifiers that the client has not released.</summary>
    public int Received { get; internal set; }

    public InspectedWill? Will { get; internal set; }

    internal AcknowledgedRuns Acknowledged { get; set; } = new();

    /// <summary>Packet identifiers by sequence numbers.</summary>
    internal Dictionary<long, ushort> Sent { get; } = [];
}

internal sealed record InspectedSubscription(string Filter, SubscriptionOptions Options, uint Identifier);

internal sealed record InspectedWill(string Topic, QoS QoS, bool Retain, int Size, uint DelaySeconds);
