using System.Text.Json.Serialization;
using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Reports;

/// <summary>The result of a run, as <c>--json</c> writes it. Members are added, not renamed: other programs read it.</summary>
internal sealed record BenchReport
{
    public required string Scenario { get; init; }

    public required string Target { get; init; }

    /// <summary>When the run began, in UTC.</summary>
    public required DateTime StartedAt { get; init; }

    public required SettingsReport Settings { get; init; }

    /// <summary><c>completed</c> or <c>interrupted</c>.</summary>
    public required string Ended { get; init; }

    /// <summary>The measured time of the messages; absent in scenarios without.</summary>
    public TrafficReport? Messages { get; init; }

    /// <summary>From the moment when a message was due until it was received, or acknowledged in <c>pub</c>.</summary>
    public LatencyReport? LatencyMicroseconds { get; init; }

    public required CheckReport Checks { get; init; }

    /// <summary>With <c>--pid</c>: the broker while messages were measured.</summary>
    public BrokerReport? Broker { get; init; }

    public LoadReport? Load { get; init; }

    /// <summary>What was done one after the other, such as connecting: each in all and per piece.</summary>
    public required IReadOnlyList<StageReport> Stages { get; init; }
}

internal sealed record SettingsReport(
    string MqttVersion,
    int Qos,
    int PayloadBytes,
    int Window,
    double RatePerPublisher,
    double DurationSeconds,
    double WarmupSeconds,
    int Publishers,
    int Subscribers,
    int Connections);

internal sealed record TrafficReport(
    double Seconds,
    long In,
    long Out,
    double InPerSecond,
    double OutPerSecond,
    double InMegabytesPerSecond,
    double OutMegabytesPerSecond);

internal sealed record LatencyReport(long Count, double Mean, double P50, double P90, double P99, double P999, double Max)
{
    public static LatencyReport? Of(Latency latency) => latency.Count == 0 ? null : new LatencyReport(
        latency.Count,
        Math.Round(latency.MeanMicroseconds, 2),
        latency.Microseconds(50),
        latency.Microseconds(90),
        latency.Microseconds(99),
        latency.Microseconds(99.9),
        latency.MaxMicroseconds);
}

/// <summary>Of the whole run, warm-up and what came after the end included.</summary>
internal sealed record CheckReport
{
    public long Sent { get; init; }

    /// <summary>Deliveries that were due for what was sent.</summary>
    public long Expected { get; init; }

    public long Received { get; init; }

    public long Lost { get; init; }

    public long Duplicated { get; init; }

    public long Reordered { get; init; }

    /// <summary>The broker said that it does not take them.</summary>
    public long Refused { get; init; }

    /// <summary>Of QoS 1 and 2, at the end.</summary>
    public long Unacknowledged { get; init; }

    /// <summary>Due by the timetable and never sent, because the broker took no more.</summary>
    public long Unsent { get; init; }

    /// <summary>Arrived where nobody of this run had sent them.</summary>
    public long Foreign { get; init; }

    /// <summary>Connections that the broker ended.</summary>
    public long Disconnected { get; init; }

    /// <summary>Why the first of them ended.</summary>
    public string? DisconnectReason { get; init; }
}

/// <remarks>CPU and switches are of the time in which messages were measured, and absent without messages.</remarks>
/// <param name="CpuMicrosecondsPerMessage">In plus out counted.</param>
/// <param name="BytesPerConnection">What connecting and subscribing added to the resident memory, for each connection.</param>
internal sealed record BrokerReport(
    int Pid,
    double? CpuMicrosecondsPerMessage,
    double? CpuPercent,
    long RssBytes,
    long RssBytesAtStart,
    double? BytesPerConnection,
    double? ContextSwitchesPerSecond,
    double? VoluntarySwitchesPerSecond,
    double? InvoluntarySwitchesPerSecond);

/// <summary>What the load itself has used: near 100 % it is the load that was measured.</summary>
internal sealed record LoadReport(double CpuMicrosecondsPerMessage, double CpuPercent);

/// <param name="BrokerBytesEach">What the stage added to the broker's resident memory, per piece.</param>
internal sealed record StageReport(
    string Name,
    string Unit,
    long Count,
    double Seconds,
    double PerSecond,
    double? BrokerCpuMicrosecondsEach,
    double? BrokerBytesEach,
    LatencyReport? LatencyMicroseconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
