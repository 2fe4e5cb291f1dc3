using System.Collections.Concurrent;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The broker without its shell: links are given to it, time is given to it, and everything it does happens inside a call.
/// </summary>
/// <remarks>Thread-safe; every thread that calls brings a <see cref="Turn"/> of its own, begun before and ended after.</remarks>
public sealed class MessageBroker
{
    /// <summary>How often retained messages whose expiry has passed give their place back. Nobody is sent one in between.</summary>
    private const long RetainedSweepMilliseconds = 10_000;

    private readonly ConcurrentDictionary<Connection, byte> _handshakes = new();
    private readonly Router _router;
    private readonly SysTopics _sysTopics;
    private long _retainedSweepDue;
    private int _connections;
    private volatile bool _isShuttingDown;

    /// <param name="options">Bounds and choices.</param>
    /// <param name="ports">What the broker asks of its surroundings.</param>
    /// <param name="nowMilliseconds">The time, on the clock that turns begin with.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range; the message names it.</exception>
    public MessageBroker(BrokerOptions options, BrokerPorts ports, long nowMilliseconds)
    {
        Options = options.Validated();
        Ports = ports;
        Timers = new TimerWheel(nowMilliseconds);
        Retained = new RetainedStore(options, Journal);
        Sessions = new SessionRegistry(this);
        _router = new Router(this);
        _sysTopics = new SysTopics(this, nowMilliseconds);
    }

    public BrokerStatistics Statistics { get; } = new();

    /// <summary>After <see cref="Shutdown"/>: whether every connection has had its <see cref="Connection.Closed"/>.</summary>
    public bool IsIdle => Volatile.Read(ref _connections) == 0;

    /// <summary>Sessions, connected or not.</summary>
    public int SessionCount => Sessions.Count;

    /// <summary>Subscriptions of all sessions.</summary>
    public int SubscriptionCount => Tree.Count;

    public int RetainedCount => Retained.Count;

    internal BrokerOptions Options { get; }

    internal BrokerPorts Ports { get; }

    internal SessionRegistry Sessions { get; }

    internal SubscriptionTree Tree { get; } = new();

    internal RetainedStore Retained { get; }

    internal Journal Journal { get; } = new();

    internal TimerWheel Timers { get; }

    internal bool IsShuttingDown => _isShuttingDown;

    /// <summary>
    /// Reads what a store holds and keeps everything durable there from now on. To be called once, before the first connection.
    /// </summary>
    /// <param name="store">What it holds becomes the broker's sessions, queues and retained messages.</param>
    /// <param name="writer">Woken when somebody waits for what a <see cref="StoreWriter"/> has to write.</param>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public RecoverySummary Recover(DurableStore store, IWakeable writer, Turn turn)
    {
        Journal.Open(writer);
        var recovery = new Recovery(this, turn);
        store.Recover(recovery);
        recovery.Finish();
        return new RecoverySummary(recovery.Messages, store.Orphans);
    }

    /// <summary>Takes a new network connection in. It must complete CONNECT within the connect timeout.</summary>
    public Connection Accept(Link link, Turn turn)
    {
        var connection = new Connection(this, link);
        Interlocked.Increment(ref _connections);
        _handshakes.TryAdd(connection, 0);
        Timers.Add(connection, turn.Now + (Options.ConnectTimeoutSeconds * 1000L));
        if (_isShuttingDown)
            connection.RequestClose(CloseCause.ServerShuttingDown);
        return connection;
    }

    /// <summary>Meets deadlines and renews <c>$SYS</c>. To be called about every 100 ms by one thread.</summary>
    public void Heartbeat(Turn turn)
    {
        Timers.Advance(turn.Now, turn.Due);
        foreach (ITimed due in turn.Due)
        {
            due.OnTimer(turn);
            RunRoutes(turn);
        }

        turn.Due.Clear();
        if (turn.Now >= _retainedSweepDue)
        {
            _retainedSweepDue = turn.Now + RetainedSweepMilliseconds;
            turn.Tally.Dropped(DropReason.Expired, Retained.RemoveExpired(turn.Now));
        }

        _sysTopics.Heartbeat(turn);
        RunRoutes(turn);
        Journal.Nudge();
    }

    /// <summary>
    /// Ends every connection: 5.0 clients are told 0x8B, wills are published to whoever is still there. New connections are refused from
    /// now on.
    /// </summary>
    public void Shutdown(Turn turn)
    {
        _isShuttingDown = true;
        foreach (Connection connection in _handshakes.Keys)
            connection.RequestClose(CloseCause.ServerShuttingDown);
        // In the order in which they began, which does not change from run to run as that of the hashes does.
        foreach (SessionGate gate in Sessions.All.OrderBy(gate => gate.Number))
        {
            using (SessionGate.Scope scope = gate.Enter())
                scope.Session.Close(CloseCause.ServerShuttingDown, turn);
            RunRoutes(turn);
        }
    }

    /// <summary>Publishes a message from inside the process.</summary>
    /// <returns>Success, NoMatchingSubscribers or QuotaExceeded.</returns>
    public ReasonCode Publish(Message message, Turn turn)
    {
        RouteOutcome outcome = _router.Route(new Route(message, null, 0, IsRefusable: message.QoS != QoS.AtMostOnce), turn);
        RunRoutes(turn);
        return outcome.Reason;
    }

    /// <summary>Publishes a message from inside the process and tells when it is safe.</summary>
    /// <param name="waiter">Woken once the message is on disk for everybody who must find it there after a crash.</param>
    /// <param name="isSafe">Whether it is already, so that nobody is woken.</param>
    /// <returns>Success, NoMatchingSubscribers or QuotaExceeded.</returns>
    public ReasonCode Publish(Message message, Turn turn, IWakeable waiter, out bool isSafe)
    {
        RouteOutcome outcome = _router.Route(new Route(message, null, 0, IsRefusable: message.QoS != QoS.AtMostOnce), turn);
        RunRoutes(turn);
        isSafe = !Journal.Await(outcome.Position, waiter);
        return outcome.Reason;
    }

    /// <summary>
    /// Subscribes from inside the process; retained messages that match are delivered before it returns. A message that is retained at that
    /// very moment may come twice.
    /// </summary>
    /// <returns>Dispose it to unsubscribe.</returns>
    /// <exception cref="ArgumentException">The filter is not valid, or shared.</exception>
    public IDisposable Subscribe(string filter, ILocalSubscriber subscriber, Turn turn)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter);
        if (!TopicFilter.TryParse(utf8, out TopicFilter parsed) || parsed.IsShared)
            throw new ArgumentException($"'{filter}' is not a topic filter that can be subscribed to from inside the process.", nameof(filter));
        var subscription = new Subscription(utf8, subscriber);
        Tree.Add(parsed, subscription);
        foreach (RetainedNode entry in Retained.Match(utf8))
        {
            if (entry.Message is { } message && !message.IsExpired(turn.Now) && !subscriber.TryDeliver(message, retained: true))
                turn.Dropped(DropReason.HandlerFull, null, message);
        }

        return new LocalSubscription(this, subscription);
    }

    /// <summary>Every session, with what it holds at the moment it is looked at.</summary>
    public IEnumerable<ClientDescription> DescribeClients()
    {
        foreach (SessionGate gate in Sessions.All)
        {
            ClientDescription? description;
            using (SessionGate.Scope scope = gate.Enter())
                description = scope.Session.Describe();
            if (description is not null)
                yield return description;
        }
    }

    /// <summary>Ends a client's connection with 0x98 (administrative action). Its session stays.</summary>
    /// <returns>False when no such client is connected.</returns>
    public bool Disconnect(string clientId, Turn turn)
    {
        if (!Sessions.TryGet(clientId, out SessionGate? gate))
            return false;
        bool connected;
        using (SessionGate.Scope scope = gate!.Enter())
        {
            connected = scope.Session.Connection is not null;
            scope.Session.Close(CloseCause.AdministrativeAction, turn);
        }

        RunRoutes(turn);
        return connected;
    }

    internal void Established(Connection connection) => _handshakes.TryRemove(connection, out _);

    internal void Forget(Connection connection)
    {
        _handshakes.TryRemove(connection, out _);
        Interlocked.Decrement(ref _connections);
    }

    /// <summary>Does what was left until no gate is held.</summary>
    internal void RunRoutes(Turn turn)
    {
        while (turn.Routes.TryDequeue(out Route route))
        {
            RouteOutcome outcome = _router.Route(route, turn);
            route.Origin?.Routed(route, outcome, turn);
        }
    }

    private sealed class LocalSubscription(MessageBroker broker, Subscription subscription) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                broker.Tree.Remove(subscription);
        }
    }
}

/// <summary>One session as an administrator sees it.</summary>
/// <param name="ClientId">The client identifier.</param>
/// <param name="IsConnected">Whether it has a connection now.</param>
/// <param name="Peer">The peer's address, while connected.</param>
/// <param name="UserName">The user name of its last connection.</param>
/// <param name="Version">The protocol version of its last connection.</param>
/// <param name="Since">When it connected or disconnected, in Unix milliseconds.</param>
/// <param name="Subscriptions">How many subscriptions it has.</param>
/// <param name="Queued">Messages that wait for it.</param>
/// <param name="InFlight">Messages sent and not yet acknowledged.</param>
public sealed record ClientDescription(
    string ClientId,
    bool IsConnected,
    string? Peer,
    string? UserName,
    ProtocolVersion Version,
    long Since,
    int Subscriptions,
    int Queued,
    int InFlight);

/// <summary>What a start found in the store.</summary>
/// <param name="Messages">Messages that at least one session is still owed.</param>
/// <param name="Orphans">Records of sessions that are not there; they are removed.</param>
public readonly record struct RecoverySummary(int Messages, int Orphans);
