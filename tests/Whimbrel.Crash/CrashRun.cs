using System.Net;
using System.Net.Sockets;
using Whimbrel.Crash.Brokers;
using Whimbrel.Crash.Clients;
using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash;

/// <summary>
/// Rounds of load and sudden end on one directory. Every <see cref="RoundsBetweenReckonings"/> rounds, and at the end, the broker is left alone:
/// everybody comes back and finishes, and what has been acknowledged must be there.
/// </summary>
internal sealed class CrashRun(BrokerKind kind, Disk disk, int seed, int rounds) : IAsyncDisposable
{
    private const int RoundsBetweenReckonings = 25;
    private const int LoadMillisecondsMax = 800;
    private const int StartMillisecondsMax = 250;

    /// <summary>A broker that does not listen after this time is taken not to start.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly Random _random = new(seed);
    private readonly World _world = new(seed, FreePort());
    private BrokerProcess? _broker;
    private int _lives;
    private int _killsAtStart;
    private int _rounds;
    private int _listers;

    /// <summary>How long everybody may take to finish when the broker is left alone. Who has failed once is not waited for so long again.</summary>
    public TimeSpan FinishLimit { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Play all rounds whatever is found: to measure a broker that is known to fail.</summary>
    public bool GoesOn { get; init; }

    public Oracle Oracle => _world.Oracle;

    /// <summary>What the run came to, in one line.</summary>
    public string Summary => $"{kind.Name}, seed {seed}: {_rounds} rounds, {_lives} starts, {_killsAtStart} of them killed before listening; "
        + $"{Oracle.AcknowledgedCount} publishes acknowledged, {Oracle.ReceivedCount} deliveries, {Oracle.Violations.Count} violations";

    /// <summary>Plays all rounds, or until something is found.</summary>
    public async Task RunAsync(Action<string> report)
    {
        await StartAsync();
        await FinishAsync(Act.Gather);
        while (_rounds < rounds)
        {
            _world.Act = Act.Load;
            await LoadAsync();
            await KillAsync();
            await StartAsync();
            _rounds++;
            bool isOver = _rounds == rounds || (!GoesOn && Oracle.Violations.Count > 0);
            if (isOver || _rounds % RoundsBetweenReckonings == 0)
            {
                await ReckonAsync();
                report(Summary);
            }

            if (isOver || (!GoesOn && Oracle.Violations.Count > 0))
                return;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _world.Life = 0;
        if (_broker is not null)
            await _broker.KillAsync();
        _broker?.Dispose();
        await _world.DisposeAsync();
        await disk.DisposeAsync();
    }

    /// <summary>Starts the broker, now and then killing it while it starts, and lets the clients in.</summary>
    private async Task StartAsync()
    {
        while (_random.Next(4) == 0)
        {
            _broker = Begin();
            await AfterAsync(_random.Next(1, StartMillisecondsMax));
            _killsAtStart += _broker.Listening is { IsCompletedSuccessfully: true, Result: true } ? 0 : 1;
            await KillAsync();
        }

        _broker = Begin();
        bool listens = await _broker.Listening.WaitAsync(StartLimit);
        Assert.True(listens, $"{kind.Name} ended with {(_broker.HasEnded ? _broker.ExitCode : null)} instead of listening (seed {seed}, round {_rounds}):\n{_broker.Said}");
        Oracle.Note(new Happening.Started());
        _world.Life = _lives;
    }

    private BrokerProcess Begin()
    {
        _broker?.Dispose();
        _lives++;
        return BrokerProcess.Start(kind, _world.Port, disk.Directory);
    }

    /// <summary>Lets the clients play for a while: a time, or until so many messages have been acknowledged, and not an instant longer.</summary>
    private async Task LoadAsync()
    {
        Task acknowledged = _random.Next(2) == 0 ? Oracle.WhenAcknowledged(_random.Next(1, 300)) : new TaskCompletionSource().Task;
        await Task.WhenAny(acknowledged, AfterAsync(_random.Next(1, LoadMillisecondsMax)));
    }

    private async Task KillAsync()
    {
        NoteUnlessAlive();
        Oracle.Note(new Happening.Killed());
        _world.Life = 0;
        await disk.EndAsync(_broker!);
    }

    private void NoteUnlessAlive()
    {
        if (_broker!.HasEnded)
            Oracle.Note(new Happening.Breach("broker", ViolationKind.Ended, $"with {_broker.ExitCode}, having said\n{_broker.Said}"));
    }

    /// <summary>No more kills: everything that was begun ends, every topic gets one message more, and then the account must be even.</summary>
    private async Task ReckonAsync()
    {
        await FinishAsync(Act.Gather);
        await ListRetainedAsync();
        await FinishAsync(Act.Probe);
        await FinishAsync(Act.Flush);
        NoteUnlessAlive();
        Oracle.Conclude();
    }

    /// <summary>Somebody new, who subscribes to everything, is shown what is retained.</summary>
    private async Task ListRetainedAsync()
    {
        var plan = new ClientPlan($"lister{++_listers}", ProtocolVersion.Mqtt50) { IsDurable = false, Filters = [new PlannedFilter("#", QoS.ExactlyOnce)] };
        RandomClient lister = _world.Add(plan, 0);
        await _world.UntilAsync(() => Oracle.HasSeenRetained(plan.Name) && _world.AllQuiet(), FinishLimit);
        Oracle.Note(new Happening.RetainedShown(plan.Name));
        _world.Remove(lister);
    }

    private async Task FinishAsync(Act act)
    {
        _world.Act = act;
        if (await _world.UntilAsync(() => _world.AllQuiet() && Oracle.Outstanding == 0, FinishLimit))
            return;
        FinishLimit = new[] { FinishLimit, TimeSpan.FromSeconds(1) }.Min();
        Oracle.Note(new Happening.Breach("run", ViolationKind.Unfinished, $"{act} did not end: {Oracle.DescribeOutstanding()}\n{_world.DescribeUnquiet()}"));
    }

    private static async Task AfterAsync(int milliseconds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(milliseconds));
        await timer.WaitForNextTickAsync();
    }

    /// <summary>
    /// A port that is free now and that the system does not give to outgoing connections: those would meet themselves on it while nobody
    /// listens.
    /// </summary>
    private static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
    }
}
