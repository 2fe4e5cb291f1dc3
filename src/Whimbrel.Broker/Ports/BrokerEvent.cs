using Whimbrel.Protocol;

namespace Whimbrel.Broker;

public enum BrokerEventKind : byte
{
    /// <summary>A client's CONNECT was accepted.</summary>
    Connected,

    /// <summary>A CONNECT was refused.</summary>
    Refused,

    /// <summary>A connection ended; before CONNECT <see cref="BrokerEvent.ClientId"/> is null.</summary>
    Closed,

    /// <summary>A message or one receiver's copy was dropped.</summary>
    Dropped,

    /// <summary>A session ended, with its queue.</summary>
    SessionEnded,

    /// <summary>Subscriptions were refused in one SUBACK: the first of them, and how many.</summary>
    SubscriptionRefused,
}

/// <summary>Something that happened and that somebody may ask about later. Which members are set depends on the kind.</summary>
public readonly record struct BrokerEvent(BrokerEventKind Kind)
{
    public string? ClientId { get; init; }

    /// <summary>The peer's address.</summary>
    public string? Peer { get; init; }

    public ProtocolVersion Version { get; init; }

    public CloseReason CloseReason { get; init; }

    public DropReason DropReason { get; init; }

    public ReasonCode Code { get; init; }

    /// <summary>A phrase for people; never bytes of the peer.</summary>
    public string? Detail { get; init; }

    /// <summary>The topic or filter concerned in UTF-8: bytes of the peer, to be escaped before they are shown.</summary>
    public ReadOnlyMemory<byte> Topic { get; init; }

    /// <summary>How many messages or subscriptions are concerned.</summary>
    public int Count { get; init; }

    /// <summary>Whether a stored session was resumed.</summary>
    public bool SessionPresent { get; init; }

    /// <summary>The keep alive in force, in seconds.</summary>
    public ushort KeepAliveSeconds { get; init; }
}

/// <summary>Told what happened: at the end of a turn, outside every gate, by whichever thread had the turn. Must be thread-safe.</summary>
public interface IBrokerEvents
{
    void On(in BrokerEvent happened);
}

internal sealed class NoEvents : IBrokerEvents
{
    public static NoEvents Instance { get; } = new();

    public void On(in BrokerEvent happened)
    {
    }
}
