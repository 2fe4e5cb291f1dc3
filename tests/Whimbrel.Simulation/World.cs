namespace Whimbrel.Simulation;

/// <summary>
/// Everything there is, in one thread and from one seed: a broker that is killed and comes back, its disk, clients, the network between
/// them and the time. It runs wild for a while, then everything is made whole and must come to rest, then everything is removed and
/// nothing may be left.
/// </summary>
internal sealed class World
{
    private const int RestMillisecondsMax = 90_000;

    private readonly List<SimulatedClient> _clients = [];
    private readonly List<Wire> _wires = [];
    private readonly SortedDictionary<string, int> _happened = new(StringComparer.Ordinal);
    private readonly Referee _referee;
    private bool _isBreaking;

    private World(int seed, bool keepsTrace)
    {
        Chance = new Chance(seed);
        Agenda = new Agenda(1_800_000_000_000);
        Trace = new Trace(Agenda, keepsTrace);
        Scenario = new Scenario(Chance);
        Model = new ReferenceModel(Scenario.Options, Trace);
        Events = new EventChecker(this);
        Counts = new CountChecker(this);
        Promises = new PromiseLedger(this);
        _referee = new Referee(this);
        Server = new SimulatedServer(this);
    }

    public Chance Chance { get; }

    public Agenda Agenda { get; }

    public Trace Trace { get; }

    public Scenario Scenario { get; }

    public ReferenceModel Model { get; }

    public EventChecker Events { get; }

    public CountChecker Counts { get; }

    public PromiseLedger Promises { get; }

    public SimulatedServer Server { get; }

    /// <summary>Whether nothing goes wrong any more and nobody wishes for anything new.</summary>
    public bool IsCalm { get; private set; }

    public bool IsDiskFull { get; private set; }

    public bool HasDiskRoom { get; private set; } = true;

    /// <summary>Runs one world to its end.</summary>
    /// <returns>What was wrong, or null.</returns>
    public static Outcome Run(int seed, bool keepsTrace = false)
    {
        var world = new World(seed, keepsTrace);
        try
        {
            world.Live();
            return new Outcome(seed, world.Agenda.Steps, null, "", world.Trace, world._happened);
        }
        catch (Exception e)
        {
            string rule = e is ViolationException violation ? violation.Rule : e.GetType().Name;
            return new Outcome(seed, world.Agenda.Steps, rule, e is ViolationException ? e.Message : e.ToString(), world.Trace, world._happened);
        }
    }

    /// <summary>Notes that something happened that worlds are made for.</summary>
    public void Happened(string what) => _happened[what] = _happened.GetValueOrDefault(what) + 1;

    public void Judge(TurnRecord record) => _referee.Judge(record);

    public int Latency() => Chance.Below(IsCalm ? 3 : Scenario.LatencyMax + 1);

    /// <summary>How long the disk takes for a batch.</summary>
    public int CommitTime() => IsCalm ? Chance.Below(3) : Chance.Percent(Scenario.SlowCommitPercent) ? Chance.Between(50, 1500) : Chance.Between(0, Scenario.CommitMaxMilliseconds);

    /// <summary>Whether the disk breaks with the write under way.</summary>
    public bool TakeDiskFailure()
    {
        bool breaks = _isBreaking;
        _isBreaking = false;
        return breaks;
    }

    /// <summary>A client has a new connection.</summary>
    public void Connected(Wire wire)
    {
        _wires.RemoveAll(old => old.IsOver || old.IsCut);
        _wires.Add(wire);
    }

    /// <summary>The broker's process is gone; another one will be started.</summary>
    public void ServerEnded()
    {
        Events.Restarted();
        _isBreaking = false;
        Agenda.In(IsCalm ? 10 : Chance.Around(500), StartServer);
    }

    private void StartServer()
    {
        if (Server.IsRunning)
            return;
        Events.Restarted();
        Server.Start();
    }

    private void Live()
    {
        Server.Start();
        for (int i = 1; i <= Scenario.Clients; i++)
            _clients.Add(new SimulatedClient(this, $"c{i}", new ClientProfile(Chance, Scenario)));
        Repeat(Scenario.KillEveryMilliseconds, EndServer);
        Repeat(Scenario.CutEveryMilliseconds, CutSomebody);
        Repeat(Scenario.FullEveryMilliseconds, FillDisk);
        Agenda.RunUntil(Agenda.Now + Scenario.DurationMilliseconds);
        ComeToRest();
        LeaveNothing();
    }

    private void Repeat(int mean, Action fault)
    {
        if (mean == 0)
            return;
        Agenda.In(Chance.Around(mean), () =>
        {
            if (IsCalm)
                return;
            fault();
            Repeat(mean, fault);
        });
    }

    private void EndServer()
    {
        if (!Server.IsRunning)
            return;
        if (Chance.Percent(Scenario.ShutdownPercent))
            Server.ShutDown();
        else if (Chance.Percent(Scenario.BrokenPercent))
            _isBreaking = true;
        else
            Server.Kill("is killed");
    }

    private void CutSomebody()
    {
        _wires.RemoveAll(wire => wire.IsOver || wire.IsCut);
        if (_wires.Count == 0)
            return;
        Wire wire = Chance.OneOf(_wires);
        Trace.Add($"network: the connection of {wire.Client} breaks");
        wire.Cut(Delay(), Delay());
        int Delay() => Chance.Percent(60) ? Chance.Below(20) : Chance.Between(100, 6000);
    }

    private void FillDisk()
    {
        // The broker may hear of it in time, or when a write fails.
        (IsDiskFull, HasDiskRoom) = (Chance.Percent(60), Chance.Percent(50));
        Trace.Add($"disk: full {IsDiskFull}, room {HasDiskRoom}");
        Agenda.In(Chance.Between(200, 5000), MakeRoom);
    }

    private void MakeRoom()
    {
        (IsDiskFull, HasDiskRoom) = (false, true);
        Trace.Add("disk: has room");
    }

    /// <summary>Liveness: once nothing goes wrong any more, everything that is owed is delivered and every answer comes, soon.</summary>
    private void ComeToRest()
    {
        Trace.Add("world: comes to rest");
        IsCalm = true;
        _isBreaking = false;
        MakeRoom();
        if (!Server.IsRunning)
            StartServer();
        long latest = Agenda.Now + RestMillisecondsMax;
        foreach (SimulatedClient client in _clients)
            client.Settle();
        while (!IsAtRest())
        {
            if (Agenda.Now > latest)
                throw new ViolationException("liveness", WhatIsMissing());
            Agenda.RunUntil(Agenda.Now + 200);
        }

        Counts.Check(Server.Core!, "at rest");
        Promises.Check(_clients.ToDictionary(client => client.Name, client => client.Application));
    }

    private bool IsAtRest() => Server is { IsRunning: true, IsShuttingDown: false, IsWriterIdle: true, IsFull: false }
        && _clients.TrueForAll(client => client.IsAtRest)
        && Model.State.Sessions.Values.All(session => session is { IsConnected: true, Released.Count: 0 } && !session.Missing().Any() && session.Replays.TrueForAll(replay => replay.Must.All(session.Drops.ContainsKey)))
        && MissingShared().Count() <= Events.EndedWithSession
        && Server.Core!.DescribeClients().All(client => client is { Queued: 0, InFlight: 0 });

    private IEnumerable<SharedOwed> MissingShared() =>
        Model.State.Shared.Where(shared => !shared.MayBeLost && Model.State.MembersOf(shared.Filter).Any());

    private string WhatIsMissing()
    {
        var missing = new List<string>();
        if (!Server.IsRunning || !Server.IsWriterIdle || Server.IsFull)
            missing.Add("the server is not at rest");
        missing.AddRange(_clients.Where(client => !client.IsAtRest).Select(client => client.Wants));
        foreach (ModelSession session in Model.State.Sessions.Values)
        {
            missing.AddRange(session.Missing().Select(owed => $"{owed.Publication} for {session.ClientId}"));
            missing.AddRange(session.Released.Keys.Select(id => $"PUBCOMP {id} of {session.ClientId}"));
            missing.AddRange(session.Replays.Where(replay => replay.Must.Count > 0).Select(replay => $"retained for {session.ClientId}: {replay}"));
        }

        missing.AddRange(Server.Core?.DescribeClients().Where(client => client.Queued + client.InFlight > 0).Select(client => client.ToString()) ?? []);
        missing.AddRange(MissingShared().Select(shared => $"{shared.Publication} for {shared.Filter}"));
        return string.Join("; ", missing);
    }

    /// <summary>When every session has ended and nothing is retained, broker and disk hold nothing.</summary>
    private void LeaveNothing()
    {
        RetainedProbe.Check(this);
        foreach (SimulatedClient client in _clients)
            client.End();
        long latest = Agenda.Now + RestMillisecondsMax;
        while (!_clients.TrueForAll(client => client.IsGone) || Model.State.Sessions.Count > 0)
        {
            if (Agenda.Now > latest)
                throw new ViolationException("liveness", "the clients cannot end");
            Agenda.RunUntil(Agenda.Now + 200);
        }

        RetainedProbe.Clear(this);
        Agenda.RunUntil(Agenda.Now + 12_000);
        Counts.Check(Server.Core!, "at the end");
        if (Server.Disk.Count > 0)
            throw new ViolationException("growth", $"{Server.Disk.Count} keys on the disk that belong to nothing: {Server.Disk.Keys}");
        Server.Kill("ends");
        Agenda.RunUntil(Agenda.Now + 1000);
        Counts.Check(Server.Core!, "after the end");
    }
}

/// <summary>What became of a world.</summary>
/// <param name="Rule">The rule that was broken, or null.</param>
/// <param name="Happened">What it went through, and how often.</param>
internal sealed record Outcome(int Seed, int Steps, string? Rule, string Violation, Trace Trace, IReadOnlyDictionary<string, int> Happened)
{
    public override string ToString() => $"""
        seed {Seed}, step {Steps}: {Violation}
        {Trace}
        seed {Seed}, step {Steps}: {Violation}
        replay: WHIMBREL_SIM_SEED={Seed} dotnet test --project tests/Whimbrel.Simulation
        """;
}
