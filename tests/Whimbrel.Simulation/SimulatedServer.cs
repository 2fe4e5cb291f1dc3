using Whimbrel.Broker;
using Whimbrel.Storage;

namespace Whimbrel.Simulation;

/// <summary>
/// The machine that the broker runs on: a process that may die at any step and is started again, with the whole broker, its heartbeat,
/// its links and its writer. Everything that the broker does happens in a turn, after which the model and the checkers see it.
/// </summary>
internal sealed class SimulatedServer(World world) : IBrokerEvents, IWakeable
{
    private const int RoomCheckMilliseconds = 1000;

    private readonly SimulatedDisk _disk = new();
    private readonly List<SimulatedLink> _links = [];
    private readonly List<SimulatedLink> _woken = [];
    private readonly TurnRecord _record = new();
    private Turn? _turn;
    private StoreWriter? _writer;
    private bool _isServePlanned;
    private bool _isWritePlanned;
    private bool _isWriting;
    private long _roomCheckDue;
    private long _lastLink;
    private int _assigned;

    public World World => world;

    public SimulatedDisk Disk => _disk;

    public MessageBroker? Core { get; private set; }

    /// <summary>Changes whenever a process ends.</summary>
    public int Process { get; private set; }

    public bool IsRunning => Core is not null;

    public bool IsShuttingDown { get; private set; }

    /// <summary>Whether the broker believes that the disk has no room.</summary>
    public bool IsFull => Core is { } core && core.Journal.IsFull;

    /// <summary>Whether the writer has nothing to do.</summary>
    public bool IsWriterIdle => !_isWriting && !_isWritePlanned;

    /// <summary>What is known about a link.</summary>
    public LinkWatch? WatchOf(long link) => _links.Find(one => one.Number == link)?.Watch;

    public void Start()
    {
        world.Trace.Add("server: starts");
        IsShuttingDown = false;
        Core = new MessageBroker(world.Scenario.Options, new BrokerPorts { Events = this, NewClientId = () => $"assigned-{++_assigned}" }, world.Agenda.Now);
        _turn = new Turn(Core);
        var engine = new SimulatedEngine(world, _disk, this);
        var store = new SlowStore(world, new LayoutStore(engine, "simulated", hasRoom: () => world.HasDiskRoom), this);
        _writer = new StoreWriter(Core, store);
        _roomCheckDue = 0;
        world.Model.Recover(world.Agenda.Now);
        Do(turn => Core.Recover(store, this, turn));
        world.Counts.Check(Core, "after the start");
        int process = Process;
        world.Agenda.At(NextBeat(), () => Beat(process));
        PlanWrite();
    }

    /// <summary>The process is killed: its memory is gone, and so are its connections.</summary>
    public void Kill(string why)
    {
        if (!IsRunning)
            return;
        world.Trace.Add($"server: {why}");
        world.Happened($"server {why}");
        Process++;
        Core = null;
        _writer = null;
        _woken.Clear();
        _record.Clear();
        foreach (SimulatedLink link in _links)
            link.Die();
        _links.Clear();
        world.ServerEnded();
    }

    /// <summary>The process is asked to end, and does when its connections are closed and its last batch is written.</summary>
    public void ShutDown()
    {
        if (!IsRunning || IsShuttingDown)
            return;
        world.Trace.Add("server: shuts down");
        IsShuttingDown = true;
        world.Model.ShuttingDown();
        Do(Core!.Shutdown);
        int process = Process;
        world.Agenda.In(50, () => AwaitEnd(process));
    }

    /// <summary>A client's connection reaches the listener.</summary>
    public void Accept(Wire wire)
    {
        if (Core is not { } core || IsShuttingDown)
        {
            wire.ServerDied();
            return;
        }

        var link = new SimulatedLink(this, wire, ++_lastLink);
        _links.Add(link);
        world.Events.Accepted(link);
        Do(turn => link.Connection = core.Accept(link, turn));
    }

    public void Do(Action<Turn> action)
    {
        _turn!.Begin(world.Agenda.Now);
        action(_turn);
        _turn.End();
        world.Judge(_record);
        _record.Clear();
    }

    public void Heard(SimulatedLink link, Heard heard) => _record.Heard.Add((link, heard));

    public void Spoke(SimulatedLink link) => _record.Spoke.Add(link);

    public void Closing(SimulatedLink link) => _record.Closing.Add(link);

    public void On(in BrokerEvent happened) => _record.Events.Add(happened);

    public void Woke(SimulatedLink link)
    {
        if (!IsRunning || link.IsDone)
            return;
        if (!link.IsWakePlanned)
        {
            link.IsWakePlanned = true;
            _woken.Add(link);
        }

        if (_isServePlanned)
            return;
        _isServePlanned = true;
        world.Agenda.In(0, ServeWoken);
    }

    /// <summary>The network connection of a link is gone.</summary>
    public void Lost(SimulatedLink link, CloseCause cause)
    {
        _links.Remove(link);
        _record.Lost.Add(link);
        Do(turn => link.Connection.Closed(cause, turn));
    }

    /// <summary>The writer is wanted.</summary>
    void IWakeable.Wake() => PlanWrite();

    private void ServeWoken()
    {
        _isServePlanned = false;
        // In an order that depends on the seed alone.
        SimulatedLink[] links = [.. _woken.OrderBy(link => link.Number)];
        _woken.Clear();
        foreach (SimulatedLink link in links)
        {
            link.IsWakePlanned = false;
            link.Serve();
        }
    }

    private void Beat(int process)
    {
        if (process != Process)
            return;
        _record.IsHeartbeat = true;
        Do(Core!.Heartbeat);
        world.Counts.Check(Core, "at a heartbeat");
        if (world.Agenda.Now >= _roomCheckDue)
            PlanWrite();
        world.Agenda.At(NextBeat() + (world.Chance.Percent(5) ? 100 : 0), () => Beat(process));
    }

    /// <summary>Beats fall on the edges of the timer wheel's slots, so that the model knows at which beat a deadline is met.</summary>
    private long NextBeat() => ((world.Agenda.Now / 100) + 1) * 100;

    private void PlanWrite()
    {
        if (_isWritePlanned || !IsRunning)
            return;
        _isWritePlanned = true;
        world.Agenda.In(0, Write);
    }

    /// <summary>One step of the writer, as <c>StoreThread</c> in Hosting does it, and a plan for the next.</summary>
    private void Write()
    {
        _isWritePlanned = false;
        if (WriteOne())
            PlanWrite();
    }

    /// <returns>Whether there may be more to write.</returns>
    private bool WriteOne()
    {
        if (_isWriting || _writer is not { } writer)
            return false;
        _isWriting = true;
        int process = Process;
        bool due = world.Agenda.Now >= _roomCheckDue;
        bool wrote = false;
        try
        {
            if (!writer.IsBlocked || due)
                wrote = writer.WriteNext();
        }
        catch (StoreException e) when (e.Failure == StoreFailure.Full)
        {
            world.Trace.Add("server: no room on the disk");
        }
        catch (StoreException)
        {
            _isWriting = false;
            Kill("the disk is broken");
            return false;
        }
        catch (ProcessKilledException)
        {
        }

        _isWriting = false;
        // A new process may have asked while the old one's thread was still in the way.
        if (Process != process)
            return true;
        if (!due)
            return wrote;
        _roomCheckDue = world.Agenda.Now + RoomCheckMilliseconds;
        writer.CheckRoom();
        return wrote;
    }

    private void AwaitEnd(int process)
    {
        if (process != Process)
            return;
        if (_links.Count > 0 || !IsWriterIdle || !Core!.IsIdle)
        {
            world.Agenda.In(50, () => AwaitEnd(process));
            return;
        }

        // The last batches, whatever they hold.
        _roomCheckDue = 0;
        while (Process == process && WriteOne())
        {
        }

        if (Process == process)
            Kill("ends");
    }
}
