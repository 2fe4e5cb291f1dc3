using System.Text.Json;
using Whimbrel.Cli.Bench.Reports;

namespace Whimbrel.Cli.Tests.Bench;

public class BenchReportTests
{
    /// <summary>Other programs read it: a member that disappears or changes its name breaks them.</summary>
    [Fact]
    public void The_JSON_has_the_members_that_others_read()
    {
        JsonElement report = JsonDocument.Parse(JsonSerializer.Serialize(Sample, BenchJson.Default.BenchReport)).RootElement;
        Assert.Equal("scenario target startedAt settings ended messages latencyMicroseconds checks broker load stages", Members(report));
        Assert.Equal(
            "mqttVersion qos payloadBytes window ratePerPublisher durationSeconds warmupSeconds publishers subscribers connections",
            Members(report.GetProperty("settings")));
        Assert.Equal("seconds in out inPerSecond outPerSecond inMegabytesPerSecond outMegabytesPerSecond", Members(report.GetProperty("messages")));
        Assert.Equal("count mean p50 p90 p99 p999 max", Members(report.GetProperty("latencyMicroseconds")));
        Assert.Equal(
            "sent expected received lost duplicated reordered refused unacknowledged unsent foreign disconnected disconnectReason",
            Members(report.GetProperty("checks")));
        Assert.Equal(
            "pid cpuMicrosecondsPerMessage cpuPercent rssBytes rssBytesAtStart bytesPerConnection contextSwitchesPerSecond voluntarySwitchesPerSecond involuntarySwitchesPerSecond",
            Members(report.GetProperty("broker")));
        Assert.Equal("cpuMicrosecondsPerMessage cpuPercent", Members(report.GetProperty("load")));
        Assert.Equal(
            "name unit count seconds perSecond brokerCpuMicrosecondsEach brokerBytesEach latencyMicroseconds", Members(report.GetProperty("stages")[0]));
    }

    [Fact]
    public void What_was_not_measured_is_null()
    {
        BenchReport bare = Sample with { Messages = null, LatencyMicroseconds = null, Broker = null, Load = null, Stages = [] };
        JsonElement report = JsonDocument.Parse(JsonSerializer.Serialize(bare, BenchJson.Default.BenchReport)).RootElement;
        foreach (string name in new[] { "messages", "latencyMicroseconds", "broker", "load" })
            Assert.Equal(JsonValueKind.Null, report.GetProperty(name).ValueKind);
        Assert.Equal(0, report.GetProperty("stages").GetArrayLength());
    }

    [Fact]
    public void The_summary_is_one_line_for_each_thing() => Assert.Equal(
        """
        pairs               10 publishers, 10 subscribers, QoS 1, 16 B, window 200, MQTT 5.0, 5.0 s after 1.0 s
        connect             20 connections in 0.50 s, 40/s, 12.30 us CPU each, 700 B each, p50 1 us, p99 1.5 ms, max 2.50 s
        in                  1,000 msg/s   1.5 MB/s
        out                 2,000 msg/s   2.5 MB/s
        latency             p50 1 us   p90 100 us   p99 1.5 ms   p99.9 1.00 s   max 2.50 s
        checks              1 lost, 2 duplicated, 3 reordered of 10,000, 4 refused, 5 never acknowledged, 6 due and not sent, 7 foreign
        ended               1 connections: the broker closed the connection
        broker              0.251 us CPU per message (in plus out), 99 % of a core, 13 context switches/s, 24.0 MB RSS, 700 B per connection
        load                0.030 us CPU per message, 30 % of a core

        """,
        BenchText.Of(Sample));

    private static BenchReport Sample
    {
        get
        {
            var latency = new LatencyReport(10, 5, 1, 100, 1500, 1_000_000, 2_500_000);
            return new BenchReport
            {
                Scenario = "pairs",
                Target = "127.0.0.1:1883",
                StartedAt = new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc),
                Ended = "completed",
                Settings = new SettingsReport("5.0", 1, 16, 200, 0, 5, 1, 10, 10, 20),
                Messages = new TrafficReport(5, 5000, 10_000, 1000, 2000, 1.5, 2.5),
                LatencyMicroseconds = latency,
                Checks = new CheckReport
                {
                    Sent = 10_000,
                    Expected = 10_000,
                    Received = 10_001,
                    Lost = 1,
                    Duplicated = 2,
                    Reordered = 3,
                    Refused = 4,
                    Unacknowledged = 5,
                    Unsent = 6,
                    Foreign = 7,
                    Disconnected = 1,
                    DisconnectReason = "the broker closed the connection",
                },
                Broker = new BrokerReport(1, 0.251, 99, 24_000_000, 10_000_000, 700, 13, 6, 7),
                Load = new LoadReport(0.03, 30),
                Stages = [new StageReport("connect", "connections", 20, 0.5, 40, 12.3, 700, latency)],
            };
        }
    }

    private static string Members(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(p => p.Name));
}
