using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>Who a client is and what it is inclined to do. Chances are per tick, of which there are 200 in a second.</summary>
internal sealed record ClientPlan(string Name, ProtocolVersion Version)
{
    /// <summary>Its session is to outlive its connections.</summary>
    public bool IsDurable { get; init; } = true;

    /// <summary>Its QoS 1 and 2 messages in flight towards it; of 5.0 only.</summary>
    public ushort? ReceiveMaximum { get; init; }

    /// <summary>The topics that it alone publishes on.</summary>
    public IReadOnlyList<PlannedTopic> Topics { get; init; } = [];

    public IReadOnlyList<PlannedFilter> Filters { get; init; } = [];

    /// <summary>Acknowledges late, a few at a time, in order.</summary>
    public bool IsSlow { get; init; }

    /// <summary>Cuts its connection.</summary>
    public double CutChance { get; init; }

    /// <summary>Stays away for a while after it has lost its connection.</summary>
    public double StayAwayChance { get; init; }

    /// <summary>Connects again while the old connection still stands.</summary>
    public double TakeoverChance { get; init; }

    /// <summary>Ends its session by connecting with a clean start; the session that follows may end with its connection, and have none after it.</summary>
    public double CleanChance { get; init; }

    /// <summary>Makes or removes a subscription.</summary>
    public double ResubscribeChance { get; init; }

    /// <summary>Seconds that its will waits; null for no will.</summary>
    public uint? WillDelay { get; init; }

    /// <summary>A will that never falls due in a run: its client is always back before. A client with another one stays away until its will has come.</summary>
    public bool HasLastingWill => WillDelay >= 3600;

    public string WillTopic => $"will/{Name}";
}

internal sealed record PlannedTopic(string Name, QoS QoS, bool IsRetained = false, bool IsClearedAtTimes = false);

internal sealed record PlannedFilter(string Filter, QoS QoS);
