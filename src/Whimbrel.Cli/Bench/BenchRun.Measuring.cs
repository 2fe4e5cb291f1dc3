using System.Diagnostics;
using System.Globalization;
using Whimbrel.Cli.Bench.Load;
using Whimbrel.Cli.Bench.Reports;
using Whimbrel.Cli.Connections;

namespace Whimbrel.Cli.Bench;

/// <summary>The measured part of a run, and its report.</summary>
internal sealed partial class BenchRun
{
    // What has not come this long after the last message is lost.
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(2);

    private TrafficReport? _messages;
    private BrokerReport? _broker;
    private LoadReport? _load;
    private Moment _shown;

    /// <summary>Runs the messages: warm-up, the measured time, and then until what is on its way has arrived.</summary>
    public void RunMessages(bool drain = true)
    {
        _ready = Read();
        _isSetUp = true;
        long from = Loop.Look() + LoadLoop.Ticks(Settings.Warmup);
        long until = from + LoadLoop.Ticks(Settings.Duration);
        Traffic.Start(from, until);
        Loop.RunUntil(static () => false, from);
        var before = Mark();
        Loop.RunUntil(static () => false, until);
        Traffic.Stop();
        Measured(before, Mark());
        if (drain)
            Drain();
        Traffic.End();
    }

    /// <summary>Publishes so many messages and waits for their acknowledgements; a stage of its own, with the time to each.</summary>
    public void PublishCount(string stage, int count)
    {
        Traffic.CountLeft = count;
        Traffic.Latency.Reset();
        Stage(stage, "messages", () =>
        {
            Traffic.Start();
            Await("acknowledgement", () => Traffic.Sent - Traffic.Unacknowledged, () => Traffic.CountLeft == 0 && Traffic.Unacknowledged == 0);
            Traffic.End();
            return count;
        }, Traffic.Latency);
        Traffic.CountLeft = long.MaxValue;
        Traffic.Latency.Reset();
    }

    /// <summary>Waits until everything has arrived that can be expected to.</summary>
    public void Drain()
    {
        long began = Loop.Look();
        long patience = LoadLoop.Ticks(DrainPatience);
        Loop.RunUntil(
            () => Traffic.IsDrained || Loop.Now - Math.Max(began, Traffic.LastProgress) > patience, ignoreInterrupt: true);
        Traffic.End();
    }

    private Moment Mark() => new(
        Loop.Look(), Traffic.Sent, Traffic.Received, Traffic.SentBytes, Traffic.ReceivedBytes, LoadSystem.CpuNanoseconds(Environment.ProcessId), Read());

    private void Measured(in Moment before, in Moment after)
    {
        double seconds = Stopwatch.GetElapsedTime(before.At, after.At).TotalSeconds;
        long sent = after.Sent - before.Sent;
        long received = after.Received - before.Received;
        _messages = new TrafficReport(
            Math.Round(seconds, 6),
            sent,
            received,
            Math.Round(sent / seconds, 1),
            Math.Round(received / seconds, 1),
            Math.Round((after.SentBytes - before.SentBytes) / seconds / 1e6, 3),
            Math.Round((after.ReceivedBytes - before.ReceivedBytes) / seconds / 1e6, 3));
        double messages = Math.Max(1, sent + received);
        double load = (after.LoadCpu - before.LoadCpu) / 1e3;
        _load = new LoadReport(Math.Round(load / messages, 4), Math.Round(load / seconds / 1e4, 1));
        if (_probe is null)
            return;
        double cpu = (after.Broker.CpuNanoseconds - before.Broker.CpuNanoseconds) / 1e3;
        double voluntary = (after.Broker.VoluntarySwitches - before.Broker.VoluntarySwitches) / seconds;
        double involuntary = (after.Broker.InvoluntarySwitches - before.Broker.InvoluntarySwitches) / seconds;
        _broker = new BrokerReport(
            _probe.Pid,
            sent + received == 0 ? null : Math.Round(cpu / messages, 4),
            Math.Round(cpu / seconds / 1e4, 1),
            after.Broker.ResidentBytes,
            _atStart.ResidentBytes,
            PerConnection(_ready.ResidentBytes),
            Math.Round(voluntary + involuntary, 1),
            Math.Round(voluntary, 1),
            Math.Round(involuntary, 1));
    }

    private BenchReport Report(bool isInterrupted)
    {
        var t = Traffic;
        return new BenchReport
        {
            Scenario = Settings.Scenario.Name,
            Target = Settings.Target.ToString(),
            StartedAt = _startedAt,
            Ended = isInterrupted ? "interrupted" : "completed",
            Settings = new SettingsReport(
                ReasonText.Name(Settings.Version),
                (int)Settings.QoS,
                Settings.PayloadBytes,
                Settings.Window,
                Settings.Rate,
                Settings.Duration.TotalSeconds,
                Settings.Warmup.TotalSeconds,
                t.Publishers.Count,
                Subscribers,
                Connections),
            Messages = _messages,
            LatencyMicroseconds = LatencyReport.Of(t.Latency),
            Checks = new CheckReport
            {
                Sent = t.Sent,
                Expected = t.Expected,
                Received = t.Received,
                Lost = Math.Max(0, t.Expected - (t.Received - t.Duplicated)),
                Duplicated = t.Duplicated,
                Reordered = t.Reordered,
                Refused = t.Refused,
                Unacknowledged = t.Unacknowledged,
                Unsent = t.Unsent,
                Foreign = t.Foreign,
                Disconnected = _disconnected,
                DisconnectReason = _disconnectReason,
            },
            Broker = _broker ?? Idle(),
            Load = _load,
            Stages = _stages,
        };
    }

    /// <summary>The broker at the end of a run that had stages only.</summary>
    private BrokerReport? Idle()
    {
        if (_probe is null)
            return null;
        long resident = Read().ResidentBytes;
        return new BrokerReport(_probe.Pid, null, null, resident, _atStart.ResidentBytes, Settings.Scenario.MeasuresConnections ? PerConnection(resident) : null, null, null, null);
    }

    private double PerConnection(long resident) => Math.Round((resident - _atStart.ResidentBytes) / (double)Math.Max(1, Connections), 1);

    private void ShowProgress()
    {
        if (!_context.IsErrorTerminal)
            return;
        var now = Mark();
        if (_shown.At != 0 && _isSetUp)
        {
            double seconds = Stopwatch.GetElapsedTime(_shown.At, now.At).TotalSeconds;
            double messages = Math.Max(1, now.Sent - _shown.Sent + now.Received - _shown.Received);
            string cpu = _probe is null ? "" : $", {(now.Broker.CpuNanoseconds - _shown.Broker.CpuNanoseconds) / 1e3 / messages:N3} us CPU per message";
            _context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{++_progress,4} s   {(now.Sent - _shown.Sent) / seconds,12:N0} msg/s in   {(now.Received - _shown.Received) / seconds,12:N0} msg/s out{cpu}"));
            _context.Error.Flush();
        }

        _shown = now;
    }

    private readonly record struct Moment(long At, long Sent, long Received, long SentBytes, long ReceivedBytes, long LoadCpu, Usage Broker);
}
