using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Linking;
using Whimbrel.Client.Telemetry;
using Whimbrel.Client.Transports;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>
/// An MQTT client: one for a program's life, shared by all its threads. The first use connects; from then on it keeps the connection, the
/// session and the subscriptions up by itself. Every member may be called by any thread at any time, from handlers as well.
/// </summary>
public sealed partial class MqttClient : IMqttClient, IEngineHost
{
    private readonly MqttClientOptions _options;
    private readonly List<Endpoint> _endpoints;
    private readonly IConnector _connector;
    private readonly ClientEngine _engine;
    private readonly Lock _gate = new();
    private readonly ILogger _log;
    private readonly ILogger _packetLog;
    private readonly DeliveryPool _deliveries = new();
    private readonly long _started;
    private readonly CancellationTokenSource _ending = new();
    private readonly List<IThreadPoolWorkItem> _woken = [];
    private readonly Errands _errands;
    private readonly HashSet<MqttSubscription> _handled = [];
    private readonly HashSet<MqttSubscription> _holding = [];
    private readonly string _clientId;
    private readonly ClientMetrics _metrics;
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _outboxRoom;
    private Link? _link;

    /// <summary>A client for the server at <paramref name="uri"/>: <c>mqtt://user:password@host:1883</c>, <c>mqtts</c>, <c>ws</c>, <c>wss</c>, <c>unix</c>.</summary>
    public MqttClient([StringSyntax(StringSyntaxAttribute.Uri)] string uri)
        : this(new MqttClientOptions { Endpoints = { uri } })
    {
    }

    /// <summary>A client for the server that the environment's <c>MQTT_URL</c> names.</summary>
    public MqttClient()
        : this(new MqttClientOptions())
    {
    }

    /// <exception cref="FormatException">An address is none.</exception>
    public MqttClient(MqttClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Snapshot();
        if (_options.Endpoints.Count == 0)
        {
            _options.Endpoints.Add(Environment.GetEnvironmentVariable("MQTT_URL")
                ?? throw new ArgumentException("No endpoint is given and the environment has no MQTT_URL.", nameof(options)));
        }

        _endpoints = [.. _options.Endpoints.SelectMany(Endpoint.Parse)];
        UriOptions.Apply(_endpoints, _options);
        if (_options.Outbox.Store is not null)
        {
            // What is in flight belongs to a session, and a session to a name.
            if (_options.ClientId is null)
                throw new ArgumentException("A durable outbox needs a ClientId that is the same in the next process.", nameof(options));
            _options.SessionExpiry ??= TimeSpan.FromDays(1);
            _options.Reconnect.RetryInitialConnect = true;
        }

        _clientId = _options.ClientId ?? RandomId();
        _metrics = ClientMetrics.For(_options.MeterFactory);
        Telemetry = new ClientTelemetry(_metrics, _options.PropagateTraceContext, _clientId);
        _connector = _options.Connector ?? new NetworkConnector(_options);
        _log = (_options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Whimbrel.Client");
        _packetLog = (_options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger(MqttTelemetry.PacketLogCategory);
        Time = _options.TimeProvider;
        _started = Time.GetTimestamp();
        _errands = new Errands(FlushHere);
        _engine = new ClientEngine(this, new EngineOptions
        {
            ResponseTimeoutMilliseconds = (long)_options.ResponseTimeout.TotalMilliseconds,
            MessagesMax = _options.Outbox.MessagesMax,
            BytesMax = _options.Outbox.BytesMax,
            RejectionsMax = _options.Outbox.RejectionsMax,
            IsDurable = _options.Outbox.Store is not null,
            HasLastingSession = _options.SessionExpiry > TimeSpan.Zero,
        });
        _metrics.Add(this);
    }

    public event EventHandler<MqttConnectionStateChangedEventArgs>? ConnectionStateChanged;

    public event EventHandler<MqttSubscriptionRefusedEventArgs>? SubscriptionRefused;

    public MqttServerCapabilities? Server { get; private set; }

    public string ClientId => Server?.ClientId ?? _clientId;

    internal TimeProvider Time { get; }

    internal ClientTelemetry Telemetry { get; }

    /// <summary>Where things stand, for somebody who looks for a fault.</summary>
    internal string Describe()
    {
        lock (_gate)
            return $"{_state}, link {(_link is null ? "none" : _link.Describe())}, handshake {_handshake?.Task.Status}, {_engine.Describe()}";
    }

    /// <summary>Cancelled when the client's time to drain is over.</summary>
    internal CancellationToken Ending => _ending.Token;

    /// <summary>The engine's clock: milliseconds since this client was made.</summary>
    internal long Now() => (long)Time.GetElapsedTime(_started).TotalMilliseconds;

    /// <summary>Under the gate: somebody is to be told soon, outside it.</summary>
    internal void Due(IThreadPoolWorkItem item) => _errands.Add(item);

    /// <summary>Under the gate: a handler has something to do, which may take as long as it likes.</summary>
    internal void Wake(IThreadPoolWorkItem handler) => _woken.Add(handler);

    /// <summary>Under the gate, by the thread that reads: it is going to be free, or not so soon because more lies there.</summary>
    internal void GiveAway(bool isBusy)
    {
        if (isBusy)
            _errands.Send();
        WakeFrom(isBusy ? 0 : 1);
    }

    /// <summary>Under the gate, by the thread that reads and is free now: what it may do itself.</summary>
    internal IThreadPoolWorkItem? TakeDue()
    {
        if (_errands.TryJoin())
        {
            WakeFrom(0);
            return _errands;
        }

        WakeFrom(1);
        if (_woken.Count == 0)
            return null;
        IThreadPoolWorkItem own = _woken[0];
        _woken.Clear();
        return own;
    }

    /// <summary>Under the gate: gives everything that is due to other threads.</summary>
    private void QueueDue()
    {
        _errands.Send();
        WakeFrom(0);
    }

    private void WakeFrom(int first)
    {
        for (int i = first; i < _woken.Count; i++)
            ThreadPool.UnsafeQueueUserWorkItem(_woken[i], preferLocal: false);
        if (_woken.Count > first)
            _woken.RemoveRange(first, _woken.Count - first);
    }

    /// <summary>Sends what was written, on this thread, unless somebody is at it.</summary>
    private void FlushHere()
    {
        Link? writer;
        lock (_gate)
            writer = _link is { } link && link.TryBeginWriting() ? link : null;
        writer?.WriteOnce();
    }

    /// <summary>Under the gate, after the engine was asked for something: what it wrote leaves, what it found due is done.</summary>
    private void AfterEngine(bool isFlushing = true)
    {
        QueueDue();
        if (_engine.HasChanges)
            WriteStore();
        if (isFlushing)
            _link?.Flush();
    }

    /// <summary>Under the gate: bytes have left.</summary>
    internal void RoomToSend()
    {
        _room?.TrySetResult();
        _room = null;
    }

    /// <summary>Under the gate: whether a full queue may keep the connection from being read; not when the client leaves, which has to hear the end.</summary>
    internal bool MayHold => !_isLeaving;

    /// <summary>Under the gate: a queue is full and nothing more is to be read.</summary>
    internal void Hold(MqttSubscription subscription) => _holding.Add(subscription);

    /// <summary>By the thread that reads, which alone adds holders: whether it is to leave off, until <see cref="Link.Resume"/>.</summary>
    internal bool IsHeld => _holding.Count > 0 && MayHold;

    /// <summary>A queue may have room again, or is gone.</summary>
    internal void ReadOn(MqttSubscription subscription)
    {
        lock (_gate)
        {
            if (subscription.StillHolds() && _subscriptions.Contains(subscription))
                return;
            _holding.Remove(subscription);
            if (!IsHeld)
                _link?.Resume();
        }
    }

    /// <summary>Of 23 characters, which is as many as a server of MQTT 3.1 has to take.</summary>
    private static string RandomId() => $"whimbrel-{Guid.NewGuid().ToString("N")[..14]}";

    /// <summary>Runs what outlives the call that began it and is no part of that call's context, such as its trace.</summary>
    private static Task RunApart(Func<Task> work)
    {
        if (ExecutionContext.IsFlowSuppressed())
            return Task.Run(work);
        using (ExecutionContext.SuppressFlow())
            return Task.Run(work);
    }

    void IEngineHost.Finished(Delivery delivery) => Due(delivery);

    void IEngineHost.RoomInOutbox()
    {
        _outboxRoom?.TrySetResult();
        _outboxRoom = null;
    }

    void IEngineHost.Notice(EngineNotice notice, string topic)
    {
        switch (notice)
        {
            case EngineNotice.Expired:
                Telemetry.Dropped(ClientTelemetry.Expired);
                ClientLog.Expired(_log, topic);
                break;
            case EngineNotice.Quarantined:
                Telemetry.Dropped(ClientTelemetry.Quarantined);
                ClientLog.Quarantined(_log, topic);
                break;
            default:
                Telemetry.Dropped(ClientTelemetry.Unclaimed);
                ClientLog.NobodyWants(_log, topic);
                break;
        }
    }

    void IEngineHost.Pong()
    {
        _pong?.TrySetResult();
        _pong = null;
    }

    internal ClientFigures Figures()
    {
        lock (_gate)
            return new ClientFigures(_engine.OutboxCount, _engine.OutboxBytes, _engine.InFlightCount);
    }

    internal MqttSubscription[] Subscriptions()
    {
        lock (_gate)
            return [.. _subscriptions];
    }

    internal void NoticeStuck(MqttSubscription subscription, MqttMessage message) =>
        ClientLog.HandlerStuck(_log, subscription.Pattern, subscription.Options.HandlerStuckAfter.TotalSeconds, message.Topic, subscription.Waiting);

    internal void NoticeOverflow(MqttSubscription subscription) => ClientLog.Overflow(_log, subscription.Filter);

    internal MqttAckResult Acknowledge(long token, ReasonCode reason)
    {
        lock (_gate)
        {
            AckOutcome outcome = _engine.Acknowledge(token, reason);
            AfterEngine();
            return outcome == AckOutcome.Accepted ? MqttAckResult.Acknowledged : MqttAckResult.Stale;
        }
    }
}
