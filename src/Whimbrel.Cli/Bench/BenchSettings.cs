using System.Net;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench;

/// <summary>What <c>whimbrel bench</c> is to do.</summary>
internal sealed record BenchSettings(Scenario Scenario, BrokerAddress Target)
{
    public string? UserName { get; init; }

    public string? Password { get; init; }

    public ProtocolVersion Version { get; init; } = ProtocolVersion.Mqtt50;

    public IReadOnlyList<IPAddress> Sources { get; init; } = [];

    public QoS QoS { get; init; }

    public int PayloadBytes { get; init; }

    public int Window { get; init; }

    /// <summary>Messages a second of each publisher; 0 for as many as the window allows.</summary>
    public double Rate { get; init; }

    public TimeSpan Duration { get; init; }

    public TimeSpan Warmup { get; init; }

    /// <summary>Publishers, pairs or connections, whichever the scenario has.</summary>
    public int Clients { get; init; }

    public int Subscribers { get; init; }

    /// <summary>Subscribers besides that do not read.</summary>
    public int Stalled { get; init; }

    /// <summary>Subscriptions or messages of the scenarios that count them.</summary>
    public int Count { get; init; }

    /// <summary>The beginning of all topics.</summary>
    public required string Prefix { get; init; }

    /// <summary>The broker's process, to be asked what it spends.</summary>
    public int? BrokerPid { get; init; }

    public bool IsJson { get; init; }
}
