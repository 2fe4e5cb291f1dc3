using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting;

/// <summary>One running broker: its core, its listeners and links, its heartbeat. Started and stopped with the application.</summary>
internal sealed class BrokerService : IHostedService, IWhimbrelBroker, IAsyncDisposable, IDisposable
{
    /// <summary>What the broker's log lines are filed under.</summary>
    public const string LogCategory = "Whimbrel.Broker";

    private const int StopPollMilliseconds = 10;

    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(5);

    private readonly WhimbrelOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly Action _failed;
    private readonly BrokerClock _clock;
    private readonly BrokerLog _log;
    private readonly TurnPool _turns;
    private readonly CancellationTokenSource _stopping = new();
    private ILinkHost? _host;
    private BoundListeners? _listeners;
    private StoreThread? _store;
    private Heartbeat? _heartbeat;
    private int _disposed;

    /// <param name="options">How it is embedded.</param>
    /// <param name="ports">What the options leave open; its events are told after the log.</param>
    /// <param name="loggers">Makes the loggers.</param>
    /// <param name="failed">Called when the broker cannot go on: the application is to stop.</param>
    public BrokerService(WhimbrelOptions options, BrokerPorts? ports, ILoggerFactory loggers, Action? failed = null)
    {
        _failed = failed ?? (() => Environment.FailFast("the store of the MQTT broker failed"));
        _options = options;
        _loggers = loggers;
        _logger = loggers.CreateLogger(LogCategory);
        _clock = new BrokerClock(options.TimeProvider);
        _log = new BrokerLog(_logger, _clock);
        Core = new MessageBroker(options.Broker, PortsFor(options, ports, _log), _clock.NowMilliseconds);
        _turns = new TurnPool(Core, _clock);
    }

    public MessageBroker Core { get; }

    public IReadOnlyList<string> Endpoints { get; private set; } = [];

    public BrokerStatistics Statistics => Core.Statistics;

    public IEnumerable<ClientDescription> Clients => Core.DescribeClients();

    internal IReadOnlyList<EndPoint> BoundEndPoints => _listeners?.EndPoints ?? [];

    /// <exception cref="FormatException">An endpoint to listen on is not one.</exception>
    /// <exception cref="ListenException">A listener could not be opened. Nothing is left open then.</exception>
    /// <exception cref="StoreException">The store could not be opened or read. Nothing is left open then.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var endpoints = _options.IsListening
            ? _options.Listen.DefaultIfEmpty(WhimbrelOptions.DefaultListen).Select(ListenEndpoint.Parse).ToList()
            : [];
        _host = NewHost();
        _listeners = new BoundListeners(_host, _logger);
        try
        {
            foreach (var endpoint in endpoints)
                await _listeners.OpenAsync(endpoint).ConfigureAwait(false);
            OpenStore(endpoints);
        }
        catch
        {
            _store?.Stop();
            _store = null;
            await _host.StopAsync().ConfigureAwait(false);
            _listeners.RemoveFiles();
            _host = null;
            throw;
        }

        Endpoints = [.. _listeners.EndPoints.Select(ListenEndpoint.Format)];
        _heartbeat = new Heartbeat(Core, _clock, OnSecond, _logger);
        _heartbeat.Start();
        _host.Start();
    }

    /// <summary>Says goodbye to every client and ends in bounded time, whatever they do.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _host, null) is not { } host)
            return;

        await host.StopAcceptingAsync().ConfigureAwait(false);
        using (var turn = _turns.Begin())
            Core.Shutdown(turn.Turn);
        long deadline = Environment.TickCount64 + (long)StopTime.TotalMilliseconds;
        while (!Core.IsIdle && Environment.TickCount64 < deadline && !cancellationToken.IsCancellationRequested)
            await Task.Delay(StopPollMilliseconds, CancellationToken.None).ConfigureAwait(false);

        await host.StopAsync().ConfigureAwait(false);
        await _heartbeat!.StopAsync().ConfigureAwait(false);
        _listeners!.RemoveFiles();
        _store?.Stop();
        _log.OnSecond(long.MaxValue);
        await _stopping.CancelAsync().ConfigureAwait(false);
        HostingLog.Stopped(_logger);
    }

    public async ValueTask DisposeAsync()
    {
        // A service container disposes once for each way in which it gave the service away.
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public ValueTask<ReasonCode> PublishAsync(string topic, ReadOnlyMemory<byte> payload, QoS qos = QoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return PublishAsync(new Message(Encoding.UTF8.GetBytes(topic), payload.Span, qos, retain), cancellationToken);
    }

    public ValueTask<ReasonCode> PublishAsync(Message message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!TopicName.IsValid(message.Topic))
            throw new ArgumentException($"'{Encoding.UTF8.GetString(message.Topic)}' is not a topic name.", nameof(message));
        var stored = new StoredSignal();
        ReasonCode outcome;
        bool isSafe;
        using (var turn = _turns.Begin())
            outcome = Core.Publish(message, turn.Turn, stored, out isSafe);
        return isSafe ? ValueTask.FromResult(outcome) : stored.ThenAsync(outcome, _stopping.Token);
    }

    public IDisposable Subscribe(string filter, Func<ReceivedMessage, CancellationToken, ValueTask> handler, int capacity = 1024)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = SubscribeTo(filter, capacity);
        _ = Task.Run(() => subscription.Subscriber.HandleAsync(filter, handler, _logger, _stopping.Token), CancellationToken.None);
        return subscription;
    }

    public async IAsyncEnumerable<ReceivedMessage> SubscribeAsync(string filter, int capacity = 1024, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var subscription = SubscribeTo(filter, capacity);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        await using var messages = subscription.Subscriber.ReadAllAsync(either.Token).GetAsyncEnumerator(CancellationToken.None);
        while (true)
        {
            try
            {
                if (!await messages.MoveNextAsync().ConfigureAwait(false))
                    yield break;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                // The stream ends with the broker.
                yield break;
            }

            yield return messages.Current;
        }
    }

    public ValueTask<bool> DisconnectAsync(string clientId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(clientId);
        cancellationToken.ThrowIfCancellationRequested();
        using var turn = _turns.Begin();
        return ValueTask.FromResult(Core.Disconnect(clientId, turn.Turn));
    }

    /// <summary>After the ports are ours and before anybody is served.</summary>
    private void OpenStore(IEnumerable<ListenEndpoint> endpoints)
    {
        if (_options.Store is null)
        {
            HostingLog.NoStore(_logger);
            return;
        }

        _store = new StoreThread(_options.Store(), _logger, _failed);
        _store.Start(Core, _turns);
        foreach (var endpoint in endpoints)
            HostingLog.Acknowledgements(_logger, endpoint.Uri, Explain(endpoint.AckContract));
    }

    private static string Explain(AckContract contract) => contract == AckContract.Fsync
        ? "fsync (what is acknowledged is on disk)"
        : "memory (a crash may lose what was acknowledged a moment before)";

    private LocalSubscription SubscribeTo(string filter, int capacity)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        var subscriber = new LocalSubscriber(capacity);
        using var turn = _turns.Begin();
        return new LocalSubscription(Core.Subscribe(filter, subscriber, turn.Turn), subscriber);
    }

    private void OnSecond(long nowMilliseconds)
    {
        _log.OnSecond(nowMilliseconds);
        _host?.OnSecond(nowMilliseconds);
    }

    private ILinkHost NewHost()
    {
        int stallMilliseconds = _options.Broker.LinkStallSeconds * 1000;
        if (_options.LinkKind == LinkKind.EventLoop && !OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("Event loops need Linux; choose LinkKind.Auto or LinkKind.Pipes.");
        return _options.LinkKind != LinkKind.Pipes && OperatingSystem.IsLinux()
            ? new EventLoopHost(new EventLoopContext(Core, _clock, BlockPool.Shared, _logger, stallMilliseconds), _options.EventLoops)
            : new PipeHost(Core, _turns, _loggers, _logger, stallMilliseconds);
    }

    private static BrokerPorts PortsFor(WhimbrelOptions options, BrokerPorts? given, BrokerLog log)
    {
        var ports = given ?? new BrokerPorts { NewClientId = NewClientId };
        return ports with
        {
            Authenticator = options.Authenticator ?? ports.Authenticator,
            Authorizer = options.Authorizer ?? ports.Authorizer,
            AuthenticationMethods = [.. options.AuthenticationMethods, .. ports.AuthenticationMethods],
            Events = given is null ? log : new EventFork(log, ports.Events),
        };
    }

    internal static string NewClientId() => $"auto-{Guid.NewGuid():N}";

    private sealed class LocalSubscription(IDisposable inner, LocalSubscriber subscriber) : IDisposable
    {
        public LocalSubscriber Subscriber => subscriber;

        public void Dispose()
        {
            inner.Dispose();
            subscriber.Complete();
        }
    }

    /// <summary>Tells the embedding program that its message is on disk.</summary>
    private sealed class StoredSignal : IWakeable
    {
        private readonly TaskCompletionSource _stored = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Wake() => _stored.TrySetResult();

        public async ValueTask<ReasonCode> ThenAsync(ReasonCode outcome, CancellationToken stopping)
        {
            await _stored.Task.WaitAsync(stopping).ConfigureAwait(false);
            return outcome;
        }
    }

    private sealed class EventFork(IBrokerEvents first, IBrokerEvents second) : IBrokerEvents
    {
        public void On(in BrokerEvent happened)
        {
            first.On(happened);
            second.On(happened);
        }
    }
}
