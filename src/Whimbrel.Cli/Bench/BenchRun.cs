using System.Diagnostics;
using System.Text;
using Whimbrel.Cli.Bench.Load;
using Whimbrel.Cli.Bench.Reports;
using Whimbrel.Cli.Commands;
using Whimbrel.Cli.Connections;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench;

/// <summary>
/// One run of a scenario, on one thread: what the scenarios have in common, such as connecting, subscribing, running messages for a
/// time, and what is measured meanwhile.
/// </summary>
internal sealed partial class BenchRun : IDisposable
{
    // More at once would only fill the backlog of the listening socket.
    private const int ConnectingMax = 64;
    private const int WarmUpConnections = 100;
    private const int WarmUpRounds = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ToolContext _context;
    private readonly BrokerProbe? _probe;
    private readonly List<StageReport> _stages = [];
    private readonly DateTime _startedAt = DateTime.UtcNow;
    private readonly string _idPrefix = $"bench{Random.Shared.Next(0x1000000):x6}";
    private Usage _atStart;
    private Usage _ready;
    private bool _isSetUp;
    private string? _failure;
    private ReasonCode _refusal;
    private long _disconnected;
    private string? _disconnectReason;
    private long _progress;

    public BenchRun(BenchSettings settings, ToolContext context)
    {
        Settings = settings;
        _context = context;
        Target = LoadTarget.Resolve(settings.Target, settings.Version, settings.UserName, settings.Password, settings.Sources);
        if (settings.BrokerPid is { } pid)
        {
            _probe = new BrokerProbe(pid);
            if (!_probe.IsAlive)
                throw new CommandFailure(ExitCode.Usage, $"--pid {pid}: there is no such process");
            _atStart = _ready = _probe.Read();
        }

        Loop = new LoadLoop(context.Interrupted) { Second = ShowProgress };
        Traffic = new Traffic(Loop, new MessageShape(settings.QoS, settings.PayloadBytes, settings.Window, settings.Rate, settings.Version))
        {
            StampBase = settings.Scenario.HasFixedPrefix ? Random.Shared.Next(1, 1024) * 4096 : 0,
        };
    }

    public BenchSettings Settings { get; }

    public LoadLoop Loop { get; }

    public LoadTarget Target { get; }

    public Traffic Traffic { get; }

    /// <summary>How many connections subscribe; for the report.</summary>
    public int Subscribers { get; set; }

    /// <summary>How many connections there are; for the report.</summary>
    public int Connections { get; set; }

    /// <summary>Runs the scenario on this thread.</summary>
    public BenchReport Execute()
    {
        LoadSystem.WakeExactly();
        bool isInterrupted = false;
        try
        {
            Settings.Scenario.Run(this);
            isInterrupted = Loop.IsInterrupted;
        }
        catch (BenchInterrupted)
        {
            isInterrupted = true;
        }

        return Report(isInterrupted);
    }

    public void Dispose() => Loop.Dispose();

    /// <summary>Makes clients and connects them; a stage of its own.</summary>
    public LoadClient[] Connect(string role, int count)
    {
        var clients = new LoadClient[count];
        for (int i = 0; i < count; i++)
            clients[i] = NewClient(role, i);
        var latency = new Latency();
        Stage($"connect {role}", "connections", () => Connect(clients, latency), latency);
        Connections += count;
        return clients;
    }

    /// <summary>A client with an identifier of its own, which other processes do not use.</summary>
    public LoadClient NewClient(string role, int index) => new(Loop, Target, $"{_idPrefix}{role[0]}{index}");

    /// <summary>
    /// Lets the broker compile and allocate what it needs for connections, so that what follows counts connections only. Not without
    /// a warm-up.
    /// </summary>
    public void WarmUp()
    {
        if (Settings.Warmup == TimeSpan.Zero)
            return;
        var clients = new LoadClient[WarmUpConnections];
        for (int i = 0; i < clients.Length; i++)
            clients[i] = NewClient("warm", i);
        for (int round = 0; round < WarmUpRounds; round++)
        {
            Connect(clients, new Latency());
            Subscribe(clients, i => $"{Settings.Prefix}/warm/{i}");
            foreach (var client in clients)
                client.Disconnect();
        }

        Loop.RunFor(Settings.Warmup);
        _atStart = Read();
    }

    /// <summary>Connects them all, some at a time.</summary>
    public long Connect(LoadClient[] clients, Latency latency)
    {
        int begun = 0;
        int connected = 0;
        Action<LoadClient> answered = client =>
        {
            connected++;
            latency.Record((long)Stopwatch.GetElapsedTime(client.StartedAt, Loop.Now).TotalNanoseconds);
        };
        foreach (var client in clients)
        {
            client.Answered = answered;
            client.Ended = OnEnded;
        }

        Await("CONNACK", () => connected, () =>
        {
            while (_failure is null && begun < clients.Length && begun - connected < ConnectingMax)
                clients[begun++].Connect();
            return connected == clients.Length;
        });
        return clients.Length;
    }

    /// <summary>Subscribes every client to its filter, with the QoS of the run.</summary>
    public void Subscribe(LoadClient[] clients, Func<int, string> filterOf)
    {
        for (int i = 0; i < clients.Length; i++)
            clients[i].Subscribe(Encode(filterOf(i)), 1);
        AwaitAnswers(clients);
    }

    /// <summary>Waits until every SUBSCRIBE and UNSUBSCRIBE has its answer.</summary>
    public void AwaitAnswers(LoadClient[] clients)
    {
        Await("SUBACK", () => -clients.Sum(c => c.Unanswered), () => Array.TrueForAll(clients, c => c.Unanswered <= 0));
        if (Array.Exists(clients, c => c.RefusedFilters > 0))
            throw new CommandFailure(ExitCode.Refused, $"{Settings.Target} refused a subscription");
    }

    /// <summary>A filter with the QoS of the run, as SUBSCRIBE has it.</summary>
    public byte[] Encode(string filter)
    {
        byte[] text = Encoding.UTF8.GetBytes(filter);
        byte[] encoded = new byte[SubscribePacket.MeasureFilter(text)];
        var writer = new PacketWriter(encoded);
        SubscribePacket.EncodeFilter(ref writer, text, new SubscriptionOptions(Settings.QoS));
        return encoded;
    }

    /// <summary>Does something with many pieces, says how many there were, and reports what each took.</summary>
    /// <param name="untilLastMessage">The time ends with the last message, and not with the waiting for more.</param>
    public void Stage(string name, string unit, Func<long> run, Latency? latency = null, bool untilLastMessage = false)
    {
        var before = Read();
        long began = Stopwatch.GetTimestamp();
        long count = run();
        double seconds = (untilLastMessage ? Stopwatch.GetElapsedTime(began, Math.Max(began + 1, Traffic.LastProgress)) : Stopwatch.GetElapsedTime(began)).TotalSeconds;
        var after = Read();
        double? cpu = _probe is null || count == 0 ? null : Math.Round((after.CpuNanoseconds - before.CpuNanoseconds) / 1e3 / count, 3);
        double? bytes = _probe is null || count == 0 ? null : Math.Round((after.ResidentBytes - before.ResidentBytes) / (double)count, 1) + 0.0;
        _stages.Add(new StageReport(
            name, unit, count, Math.Round(seconds, 6), Math.Round(count / seconds, 1), cpu, bytes, latency is null ? null : LatencyReport.Of(latency)));
    }

    /// <summary>Waits for the broker; fails if it refuses, closes a connection, or makes no progress for half a minute.</summary>
    public void Await(string what, Func<long> progress, Func<bool> isSo)
    {
        long seen = progress();
        while (true)
        {
            bool isDone = Loop.RunUntil(() => _failure is not null || isSo(), Loop.Look() + LoadLoop.Ticks(Patience));
            if (_failure is not null)
                throw Failed(_failure);
            if (isDone)
                return;
            if (Loop.IsInterrupted)
                throw new BenchInterrupted();
            long now = progress();
            if (now == seen)
                throw new CommandFailure(ExitCode.TimedOut, $"{Settings.Target} sent no {what} for {Patience.TotalSeconds:0} seconds");
            seen = now;
        }
    }

    private Usage Read() => _probe?.Read() ?? default;

    /// <summary>The broker ended a connection: before the messages the run fails for that, later it is counted.</summary>
    public void OnEnded(LoadClient client, ClientPhase phase)
    {
        if (!_isSetUp)
        {
            _failure ??= client.Broken;
            _refusal = client.Refusal;
            return;
        }

        _disconnected++;
        _disconnectReason ??= client.Broken;
    }

    private CommandFailure Failed(string why) => _refusal != ReasonCode.Success
        ? new CommandFailure(ExitCode.Refused, $"{Settings.Target} refused the connection: {ReasonText.Describe(_refusal)}")
        : Settings.Target.Unreachable(why);
}

/// <summary>Ctrl-C while the scenario waited for the broker.</summary>
internal sealed class BenchInterrupted : Exception;
