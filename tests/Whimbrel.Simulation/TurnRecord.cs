using Whimbrel.Broker;

namespace Whimbrel.Simulation;

/// <summary>What happened in one turn of the broker, as seen from outside.</summary>
internal sealed class TurnRecord
{
    public bool IsHeartbeat { get; set; }

    /// <summary>Packets that the broker took, in order.</summary>
    public List<(SimulatedLink Link, Heard Heard)> Heard { get; } = [];

    /// <summary>Links whose network connection ended.</summary>
    public List<SimulatedLink> Lost { get; } = [];

    /// <summary>Links that the broker closed.</summary>
    public List<SimulatedLink> Closing { get; } = [];

    /// <summary>Links on which the broker said something.</summary>
    public List<SimulatedLink> Spoke { get; } = [];

    public List<BrokerEvent> Events { get; } = [];

    public bool Refused(string client, string topic) =>
        Events.Exists(e => e is { Kind: BrokerEventKind.Dropped, DropReason: DropReason.StoreFull } && e.ClientId == client && Text(e.Topic) == topic);

    public bool RefusedSubscription(string client) => Events.Exists(e => e.Kind == BrokerEventKind.SubscriptionRefused && e.ClientId == client);

    public bool RefusedConnection(string client) => Events.Exists(e => e.Kind == BrokerEventKind.Refused && e.ClientId == client);

    public static string Text(ReadOnlyMemory<byte> utf8) => System.Text.Encoding.UTF8.GetString(utf8.Span);

    public void Clear()
    {
        IsHeartbeat = false;
        Heard.Clear();
        Lost.Clear();
        Closing.Clear();
        Spoke.Clear();
        Events.Clear();
    }
}
