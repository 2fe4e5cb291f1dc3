using System.Globalization;
using System.Text;

namespace Whimbrel.Cli.Bench.Reports;

/// <summary>The result for people.</summary>
internal static class BenchText
{
    public static string Of(BenchReport report)
    {
        var text = new StringBuilder();
        Line(text, report.Scenario, Headline(report));
        foreach (var stage in report.Stages)
            Line(text, stage.Name, Stage(stage));
        if (report.Messages is { } messages)
        {
            Line(text, "in", $"{messages.InPerSecond:N0} msg/s   {messages.InMegabytesPerSecond:N1} MB/s");
            Line(text, "out", $"{messages.OutPerSecond:N0} msg/s   {messages.OutMegabytesPerSecond:N1} MB/s");
        }

        if (report.LatencyMicroseconds is { } latency)
            Line(text, "latency", Percentiles(latency));
        if (report.Checks.Sent + report.Checks.Received > 0)
            Line(text, "checks", Checks(report.Checks));
        if (report.Checks.DisconnectReason is { } reason)
            Line(text, "ended", $"{report.Checks.Disconnected:N0} connections: {reason}");
        if (report.Broker is { } broker)
        {
            string each = broker.CpuMicrosecondsPerMessage is { } cpu ? $"{cpu:N3} us CPU per message (in plus out), " : "";
            string memory = broker.BytesPerConnection is { } bytes ? $", {bytes:N0} B per connection" : "";
            string share = broker.CpuPercent is { } percent ? $"{percent:N0} % of a core, {broker.ContextSwitchesPerSecond:N0} context switches/s, " : "";
            Line(text, "broker", $"{each}{share}{Size(broker.RssBytes)} RSS{memory}");
        }

        if (report.Load is { } load)
            Line(text, "load", $"{load.CpuMicrosecondsPerMessage:N3} us CPU per message, {load.CpuPercent:N0} % of a core");
        return text.ToString();
    }

    public static string Duration(double microseconds) => microseconds switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds:N0} us"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1e3:N1} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1e6:N2} s"),
    };

    private static string Headline(BenchReport report)
    {
        var s = report.Settings;
        var parts = new List<string>();
        if (s.Publishers > 0)
            parts.Add(Of(s.Publishers, "publisher"));
        if (s.Subscribers > 0)
            parts.Add(Of(s.Subscribers, "subscriber"));
        if (s.Publishers + s.Subscribers == 0)
            parts.Add(Of(s.Connections, "connection"));
        else
            parts.Add($"QoS {s.Qos}, {s.PayloadBytes} B");
        if (s.Publishers > 0)
            parts.Add(s.RatePerPublisher > 0 ? $"{s.RatePerPublisher:N0} msg/s each" : $"window {s.Window}");
        parts.Add($"MQTT {s.MqttVersion}");
        string measured = report.Messages is { } m ? $", {m.Seconds:N1} s after {s.WarmupSeconds:N1} s" : "";
        return $"{string.Join(", ", parts)}{measured}{(report.Ended == "completed" ? "" : $", {report.Ended}")}";
    }

    private static string Stage(StageReport stage)
    {
        string cpu = stage.BrokerCpuMicrosecondsEach is { } c ? $", {c:N2} us CPU each" : "";
        string bytes = stage.BrokerBytesEach is { } b ? $", {Math.Round(b) + 0.0:N0} B each" : "";
        string latency = stage.LatencyMicroseconds is { } l ? $", p50 {Duration(l.P50)}, p99 {Duration(l.P99)}, max {Duration(l.Max)}" : "";
        return $"{stage.Count:N0} {stage.Unit} in {stage.Seconds:N2} s, {stage.PerSecond:N0}/s{cpu}{bytes}{latency}";
    }

    private static string Percentiles(LatencyReport l) =>
        $"p50 {Duration(l.P50)}   p90 {Duration(l.P90)}   p99 {Duration(l.P99)}   p99.9 {Duration(l.P999)}   max {Duration(l.Max)}";

    private static string Checks(CheckReport c)
    {
        var parts = new List<string> { $"{c.Lost:N0} lost, {c.Duplicated:N0} duplicated, {c.Reordered:N0} reordered of {c.Expected:N0}" };
        if (c.Refused > 0)
            parts.Add($"{c.Refused:N0} refused");
        if (c.Unacknowledged > 0)
            parts.Add($"{c.Unacknowledged:N0} never acknowledged");
        if (c.Unsent > 0)
            parts.Add($"{c.Unsent:N0} due and not sent");
        if (c.Foreign > 0)
            parts.Add($"{c.Foreign:N0} foreign");
        return string.Join(", ", parts);
    }

    private static string Of(int count, string what) => $"{count:N0} {what}{(count == 1 ? "" : "s")}";

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:N1} MB");

    private static void Line(StringBuilder text, string name, FormattableString line) => Line(text, name, line.ToString(CultureInfo.InvariantCulture));

    private static void Line(StringBuilder text, string name, string line) => text.Append(name.PadRight(20)).Append(line).Append('\n');
}
