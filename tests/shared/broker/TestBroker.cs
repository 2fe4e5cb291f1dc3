using Whimbrel.Broker;

namespace Whimbrel.Tests;

/// <summary>A broker in memory with a clock that only the test moves: no socket, no thread, no waiting.</summary>
internal sealed class TestBroker : IBrokerEvents, IWakeable
{
    private readonly Turn _turn;
    private readonly StoreWriter? _writer;
    private readonly BrokerOptions _options;
    private int _assigned;

    /// <summary>What brokers keep things in when a test says nothing: null for memory alone.</summary>
    public static Func<MemoryStore?> NewStore { get; set; } = () => null;

    public TestBroker(BrokerOptions? options = null, IAuthorizer? authorizer = null, IAuthenticator? authenticator = null, params IAuthenticationMethod[] methods)
    {
        var ports = new BrokerPorts
        {
            Events = this,
            AuthenticationMethods = methods,
            NewClientId = () => $"assigned-{++_assigned}",
        };
        if (authorizer is not null)
            ports = ports with { Authorizer = authorizer };
        if (authenticator is not null)
            ports = ports with { Authenticator = authenticator };
        _options = options ?? new BrokerOptions { SysIntervalSeconds = 0 };
        Core = new MessageBroker(_options, ports, Now);
        _turn = new Turn(Core);
        if (NewStore() is { } store)
        {
            Store = store;
            _writer = new StoreWriter(Core, store);
            Recover();
        }
    }

    /// <summary>A broker that finds what another one has left in a store, at a time.</summary>
    public TestBroker(MemoryStore store, BrokerOptions? options = null, long? now = null)
    {
        Now = now ?? Now;
        var ports = new BrokerPorts { Events = this, NewClientId = () => $"assigned-{++_assigned}" };
        _options = options ?? new BrokerOptions { SysIntervalSeconds = 0 };
        Core = new MessageBroker(_options, ports, Now);
        _turn = new Turn(Core);
        Store = store;
        _writer = new StoreWriter(Core, store);
        Recover();
    }

    public MemoryStore? Store { get; }

    /// <summary>What acknowledgements are worth on every link.</summary>
    public AckContract AckContract { get; set; }

    /// <summary>Whether the disk is slow: nothing is committed before <see cref="Commit"/>.</summary>
    public bool IsDiskSlow { get; set; }

    public MessageBroker Core { get; }

    /// <summary>Unix milliseconds. Starts at a date like any other.</summary>
    public long Now { get; private set; } = 1_800_000_000_000;

    public List<BrokerEvent> Events { get; } = [];

    /// <summary>Links whose owner was asked to look again; served at the end of every <see cref="Do(Action{Turn})"/>.</summary>
    public HashSet<TestLink> Woken { get; } = [];

    public void On(in BrokerEvent happened) => Events.Add(happened);

    /// <summary>The drops that were named so far.</summary>
    public IEnumerable<DropReason> Drops => Events.Where(e => e.Kind == BrokerEventKind.Dropped).Select(e => e.DropReason);

    public void Do(Action<Turn> action)
    {
        _turn.Begin(Now);
        action(_turn);
        _turn.End();
        Settle();
    }

    /// <summary>Lets the disk do what it has to.</summary>
    public void Commit()
    {
        while (_writer!.WriteNext())
            ServeWoken();
    }

    /// <summary>What a heartbeat later is known of the room on the disk.</summary>
    public void CheckRoom() => _writer!.CheckRoom();

    /// <summary>The broker's process is killed: what the disk has is all that is left. The clients' connections are gone.</summary>
    public TestBroker Crash(double secondsLater = 0, BrokerOptions? options = null) =>
        new(Store!, options ?? _options, Now + (long)(secondsLater * 1000));

    void IWakeable.Wake()
    {
    }

    /// <summary>Moves the clock and lets the heartbeat see it.</summary>
    public void Advance(double seconds)
    {
        Now += (long)(seconds * 1000);
        Do(Core.Heartbeat);
    }

    /// <summary>A network connection that has not said anything yet.</summary>
    public TestClient Open()
    {
        var link = new TestLink(this);
        Do(turn => link.Connection = Core.Accept(link, turn));
        return new TestClient(this, link);
    }

    private void Recover()
    {
        _turn.Begin(Now);
        Core.Recover(Store!, this, _turn);
        _turn.End();
        Settle();
    }

    private void Settle()
    {
        do
            ServeWoken();
        while (_writer is not null && !IsDiskSlow && _writer.WriteNext());
    }

    private void ServeWoken()
    {
        while (Woken.Count > 0)
        {
            TestLink[] links = [.. Woken];
            Woken.Clear();
            foreach (TestLink link in links)
            {
                _turn.Begin(Now);
                link.Serve(_turn);
                _turn.End();
            }
        }
    }
}
