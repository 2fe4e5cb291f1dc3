using Whimbrel.Broker;

namespace Whimbrel.Tests;

/// <summary>A broker in memory with a clock that only the test moves: no socket, no thread, no waiting.</summary>
internal sealed class TestBroker : IBrokerEvents
{
    private readonly Turn _turn;
    private int _assigned;

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
        Core = new MessageBroker(options ?? new BrokerOptions { SysIntervalSeconds = 0 }, ports, Now);
        _turn = new Turn(Core);
    }

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
        ServeWoken();
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
