using Whimbrel.Crash.Clients;
using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash;

/// <summary>The clients of a run, drawn from its seed, and the clock that wakes them.</summary>
internal sealed class World : IStage, IAsyncDisposable
{
    private static readonly TimeSpan TickTime = TimeSpan.FromMilliseconds(5);

    private readonly List<RandomClient> _clients = [];
    private readonly List<Task> _running = [];
    private readonly List<(Func<bool> Condition, TaskCompletionSource Reached)> _awaited = [];
    private readonly Lock _gate = new();
    private readonly PeriodicTimer _ticks = new(TickTime);
    private readonly Task _ticking;
    private int _messages;
    private int _life;
    private int _act;

    public World(int seed, int port)
    {
        Port = port;
        var random = new Random(seed);
        foreach (ClientPlan plan in Plans(random))
            Add(plan, random.Next());
        _ticking = TickAsync();
    }

    public Oracle Oracle { get; } = new();

    public int Port { get; }

    public Act Act
    {
        get => (Act)Volatile.Read(ref _act);
        set => Volatile.Write(ref _act, (int)value);
    }

    /// <inheritdoc/>
    public int Life
    {
        get => Volatile.Read(ref _life);
        set => Volatile.Write(ref _life, value);
    }

    public Message NewMessage(string topic, QoS qos, bool retain, int size) => new(Interlocked.Increment(ref _messages), topic, qos, retain, size);

    /// <summary>Brings in one more client.</summary>
    public RandomClient Add(ClientPlan plan, int seed)
    {
        var client = new RandomClient(plan, this, seed);
        lock (_gate)
        {
            _clients.Add(client);
            _running.Add(Task.Run(client.RunAsync));
        }

        return client;
    }

    /// <summary>Takes a client out, as if its power were cut.</summary>
    public void Remove(RandomClient client)
    {
        lock (_gate)
            _clients.Remove(client);
        client.Stop();
    }

    public bool AllQuiet()
    {
        lock (_gate)
            return _clients.TrueForAll(c => c.IsQuietIn(Act));
    }

    public string DescribeUnquiet()
    {
        lock (_gate)
            return string.Join('\n', _clients.Where(c => !c.IsQuietIn(Act)));
    }

    /// <summary>Waits until something holds; false if it does not within the limit.</summary>
    public async Task<bool> UntilAsync(Func<bool> condition, TimeSpan limit)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _awaited.Add((condition, reached));
        using var expired = new CancellationTokenSource(limit);
        await using (expired.Token.Register(() => reached.TrySetCanceled()))
        {
            try
            {
                await reached.Task;
                return true;
            }
            catch (OperationCanceledException)
            {
                return condition();
            }
            finally
            {
                lock (_gate)
                    _awaited.RemoveAll(a => a.Reached == reached);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ticks.Dispose();
        await _ticking;
        _clients.ForEach(c => c.Stop());
        await Task.WhenAll(_running);
    }

    /// <summary>
    /// Four publishers, whose topics nobody else uses: <c>p/NAME/KIND/NUMBER</c>. Beside them one subscriber for each thing that subscribers
    /// do; numbers are drawn, so that no two seeds meet the same crowd.
    /// </summary>
    private static IEnumerable<ClientPlan> Plans(Random random)
    {
        for (int i = 0; i < 4; i++)
        {
            yield return new ClientPlan($"pub{i}", Either(random))
            {
                Topics = [.. Topics($"p/pub{i}", random)],
                Filters = i == 3 ? [new PlannedFilter("p/pub0/+/+", QoS.ExactlyOnce)] : [],
                CutChance = i == 2 ? 0.01 : 0,
                TakeoverChance = i == 1 ? 0.005 : 0,
            };
        }

        const ProtocolVersion V3 = ProtocolVersion.Mqtt311;
        const ProtocolVersion V5 = ProtocolVersion.Mqtt50;
        PlannedFilter everything = new("p/#", QoS.ExactlyOnce);
        PlannedFilter wills = new("will/+", QoS.ExactlyOnce);
        yield return new ClientPlan("steady", V5) { Filters = [everything, wills], ReceiveMaximum = (ushort)random.Next(5, 200) };
        yield return new ClientPlan("steady3", V3) { Filters = [everything, wills] };
        yield return new ClientPlan("once", Either(random)) { Filters = [new("p/+/one/#", QoS.AtLeastOnce), new("p/+/two/#", QoS.AtLeastOnce)] };
        yield return new ClientPlan("slow", V5) { Filters = [everything], IsSlow = true, ReceiveMaximum = (ushort)random.Next(20, 60) };
        yield return new ClientPlan("slow3", V3) { Filters = [new("p/pub1/#", QoS.ExactlyOnce), new("p/+/kept/+", QoS.AtLeastOnce)], IsSlow = true };
        yield return new ClientPlan("absent", Either(random)) { Filters = [everything], CutChance = 0.01, StayAwayChance = 0.8 };
        yield return new ClientPlan("nervous", Either(random)) { Filters = [everything, wills], CutChance = 0.05 };
        yield return new ClientPlan("twofold", Either(random)) { Filters = [new("p/+/two/+", QoS.ExactlyOnce), new("p/pub2/#", QoS.AtLeastOnce)], TakeoverChance = 0.02 };
        yield return new ClientPlan("fickle", Either(random))
        {
            Filters = [new("p/pub0/#", QoS.ExactlyOnce), new("p/+/one/0", QoS.AtLeastOnce), new("p/+/two/0", QoS.ExactlyOnce), new("p/+/kept/+", QoS.ExactlyOnce)],
            ResubscribeChance = 0.05,
        };
        yield return new ClientPlan("reborn", V5) { Filters = [everything], CleanChance = 0.01, CutChance = 0.01, StayAwayChance = 0.3 };
        yield return new ClientPlan("reborn3", V3) { Filters = [new("p/+/two/#", QoS.ExactlyOnce)], CleanChance = 0.01, CutChance = 0.01 };
        yield return new ClientPlan("passing", Either(random)) { Filters = [everything], IsDurable = false, CutChance = 0.01 };
        yield return new ClientPlan("lasting", V5) { WillDelay = 100_000, CutChance = 0.01 };
        yield return new ClientPlan("mortal", V5) { WillDelay = 1, CutChance = 0.005 };
    }

    private static IEnumerable<PlannedTopic> Topics(string prefix, Random random)
    {
        for (int i = 0; i < 2; i++)
        {
            yield return new PlannedTopic($"{prefix}/one/{i}", QoS.AtLeastOnce);
            yield return new PlannedTopic($"{prefix}/two/{i}", QoS.ExactlyOnce);
            yield return new PlannedTopic($"{prefix}/kept/{i}", random.Next(2) == 0 ? QoS.AtLeastOnce : QoS.ExactlyOnce, IsRetained: true, IsClearedAtTimes: i == 1);
        }
    }

    private static ProtocolVersion Either(Random random) => random.Next(2) == 0 ? ProtocolVersion.Mqtt311 : ProtocolVersion.Mqtt50;

    private async Task TickAsync()
    {
        while (await _ticks.WaitForNextTickAsync())
        {
            lock (_gate)
            {
                _clients.ForEach(c => c.Tick());
            }

            (Func<bool> Condition, TaskCompletionSource Reached)[] awaited;
            lock (_gate)
                awaited = [.. _awaited];
            foreach ((Func<bool> condition, TaskCompletionSource reached) in awaited)
            {
                if (condition())
                    reached.TrySetResult();
            }
        }
    }
}
