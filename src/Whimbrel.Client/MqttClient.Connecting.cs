using Microsoft.Extensions.Logging;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Linking;
using Whimbrel.Client.Telemetry;
using Whimbrel.Client.Transports;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>How connections come, go and come again.</summary>
public sealed partial class MqttClient
{
    /// <summary>A server that accepts and closes at once is not asked ever faster.</summary>
    private const int ShortLifeMilliseconds = 5000;

    /// <summary>Servers that refer to each other in a ring are not followed for ever.</summary>
    private const int ReferralsMax = 5;

    private readonly Queue<EventArgs> _events = new();
    private bool _isTelling;
    private MqttConnectionState _state;
    private Task _supervision = Task.CompletedTask;
    private CancellationTokenSource _stopping = new();
    private TaskCompletionSource<MqttConnectResult> _connected = NewConnected();
    private TaskCompletionSource<MqttConnectResult>? _handshake;
    private Exception? _dismissal;
    private Exception? _fault;
    private Blame _blame;
    private bool _hasConnected;
    private bool _hasEverConnected;
    private bool _isLeaving;
    private bool _isRestored;
    private ProtocolVersion _version;
    private int _endpointAt;
    private Endpoint? _referred;

    public MqttConnectionState State
    {
        get
        {
            lock (_gate)
                return _state;
        }
    }

    public async Task<MqttConnectResult> ConnectAsync(CancellationToken cancellationToken = default)
    {
        Task<MqttConnectResult> connected;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_state == MqttConnectionState.Disposed, this);
            _isLeaving = false;
            connected = BeginConnecting();
        }

        return await connected.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public Task WaitForConnectedAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
            return _connected.Task.WaitAsync(cancellationToken);
    }

    public async Task DisconnectAsync(MqttDisconnectOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(State == MqttConnectionState.Disposed, this);
        await LeaveAsync(MqttConnectionState.Disconnected, options ?? new MqttDisconnectOptions(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Under the gate: sees to it that somebody works on a connection.</summary>
    private Task<MqttConnectResult> BeginConnecting()
    {
        if (_state is MqttConnectionState.Disconnected or MqttConnectionState.Faulted)
        {
            if (_connected.Task.IsCompleted)
                _connected = NewConnected();
            _fault = null;
            _stopping = new CancellationTokenSource();
            _hasConnected = false;
            SetState(MqttConnectionState.Connecting, null, false);
            Task before = _supervision;
            CancellationToken stopping = _stopping.Token;
            _supervision = RunApart(() => SuperviseAsync(before, stopping));
        }

        return _connected.Task;
    }

    private async Task SuperviseAsync(Task before, CancellationToken stopping)
    {
        await before.ConfigureAwait(false);
        _connector.NetworkChanged += OnNetworkChanged;
        try
        {
            await StayConnectedAsync(stopping).ConfigureAwait(false);
        }
        finally
        {
            _connector.NetworkChanged -= OnNetworkChanged;
        }
    }

    private async Task StayConnectedAsync(CancellationToken stopping)
    {
        int failures = 0;
        int refusedCredentials = 0;
        int referrals = 0;
        while (!stopping.IsCancellationRequested)
        {
            Exception? cause;
            Endpoint endpoint = _referred ?? _endpoints[_endpointAt];
            Telemetry.Connecting(endpoint);
            try
            {
                await RestoreAsync(stopping).ConfigureAwait(false);
                Link link = await AttemptAsync(endpoint, stopping).ConfigureAwait(false);
                refusedCredentials = 0;
                referrals = 0;
                long since = Now();
                cause = await RunAsync(link, stopping).ConfigureAwait(false);
                failures = Now() - since < ShortLifeMilliseconds ? failures + 1 : 0;
                if (stopping.IsCancellationRequested)
                    return;
                ClientLog.Lost(_log, endpoint.ToString(), cause.Message);
                if (cause is MqttException { ReasonCode: { } said } && Refusals.IsFinal(said) && !MayFollow(cause))
                {
                    GiveUp(cause);
                    return;
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever an attempt fails with (a provider's exception, too) must end it and not this loop.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                cause = exception as MqttException ?? new MqttConnectException($"{endpoint} cannot be reached: {Reachability.Cause(endpoint, exception)}", exception);
                ClientLog.Failed(_log, endpoint.ToString(), cause.Message);
                if (referrals < ReferralsMax && MayFollow(cause))
                {
                    referrals++;
                    continue;
                }

                bool isPermanent = cause is MqttConnectException { IsFinal: true }
                    || (cause is MqttException { ReasonCode: { } refused } && Refusals.IsPermanent(refused));
                if (cause is MqttException { ReasonCode: ReasonCode.BadUserNameOrPassword } && _options.CredentialProvider is not null && ++refusedCredentials == 1)
                {
                    // The provider may have a newer token by now.
                    continue;
                }

                bool isLast = ++failures >= _endpoints.Count;
                if (isPermanent || (isLast && !_hasConnected && !_options.Reconnect.RetryInitialConnect))
                {
                    GiveUp(cause, isPermanent);
                    return;
                }

                _referred = null;
                _endpointAt = (_endpointAt + 1) % _endpoints.Count;
                if (!isLast)
                    continue;
            }

            if (!_options.Reconnect.Enabled)
            {
                GiveUp(cause, isFault: false);
                return;
            }

            lock (_gate)
            {
                if (_state == MqttConnectionState.Connected)
                    SetState(MqttConnectionState.Reconnecting, cause, false);
            }

            await WaitAsync(failures, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>Full jitter: evenly between nothing and a bound that doubles.</summary>
    private TimeSpan Delay(int failures)
    {
        double bound = _options.Reconnect.DelayMin.TotalMilliseconds * Math.Pow(2, Math.Clamp(failures - 1, 0, 30));
        bound = Math.Min(bound, _options.Reconnect.DelayMax.TotalMilliseconds);
#pragma warning disable CA5394 // Nothing secret about it.
        return TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * bound);
#pragma warning restore CA5394
    }

    /// <summary>Whether the server has said where to go and that is allowed; the next attempt goes there then.</summary>
    private bool MayFollow(Exception cause)
    {
        if (!_options.Reconnect.FollowServerReference
            || cause is not MqttConnectException { ReasonCode: ReasonCode.UseAnotherServer or ReasonCode.ServerMoved, ServerReference: { } reference })
            return false;
        Endpoint from = _endpoints[_endpointAt];
        string scheme = from.ToString().Split("://")[0];
        _referred = Endpoint.Parse(reference.Contains("://", StringComparison.Ordinal) ? reference : $"{scheme}://{reference.Split(' ')[0]}")[0] with { Credentials = from.Credentials };
        return true;
    }

    /// <summary>One attempt, with 3.1.1 after 5.0 if the server seems to know only that.</summary>
    private async Task<Link> AttemptAsync(Endpoint endpoint, CancellationToken stopping)
    {
        if (_options.ProtocolVersion != MqttProtocolVersion.Auto)
            return await AttemptAsync(endpoint, (ProtocolVersion)_options.ProtocolVersion, stopping).ConfigureAwait(false);
        if (_version != 0)
            return await AttemptAsync(endpoint, _version, stopping).ConfigureAwait(false);
        Link link;
        try
        {
            link = await AttemptAsync(endpoint, ProtocolVersion.Mqtt50, stopping).ConfigureAwait(false);
            _version = ProtocolVersion.Mqtt50;
        }
        catch (MqttConnectException exception) when (
            _options.Authenticator is null && (exception.ReasonCode == ReasonCode.UnsupportedProtocolVersion || exception is { ReasonCode: null, InnerException: UnansweredConnectException }))
        {
            link = await AttemptAsync(endpoint, ProtocolVersion.Mqtt311, stopping).ConfigureAwait(false);
            _version = ProtocolVersion.Mqtt311;
        }

        return link;
    }

    private async Task<Link> AttemptAsync(Endpoint endpoint, ProtocolVersion version, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(_options.Reconnect.AttemptTimeout, Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            ConnectRequest request = await RequestAsync(endpoint, version, both.Token).ConfigureAwait(false);
            ITransport transport = await _connector.ConnectAsync(endpoint, both.Token).ConfigureAwait(false);
            if (_packetLog.IsEnabled(LogLevel.Trace))
                transport = new PacketTrace(transport, version, _packetLog);
            var link = new Link(this, _engine, _gate, transport);
            var handshake = new TaskCompletionSource<MqttConnectResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            await StoredAsync().WaitAsync(both.Token).ConfigureAwait(false);
            lock (_gate)
            {
                _dismissal = null;
                _blame = Blame.Possible;
                _handshake = handshake;
                _link = link;
                _engine.Open(request, Now());
                link.Flush();
            }

            link.Start();
            try
            {
                await Task.WhenAny(handshake.Task, link.Ended).WaitAsync(both.Token).ConfigureAwait(false);
                if (!handshake.Task.IsCompleted)
                {
                    string why = Reachability.Unanswered(endpoint, _engine.Fault.IsNone ? null : _engine.Fault.Detail);
                    throw new MqttConnectException($"{endpoint} cannot be reached: {why}", new UnansweredConnectException(why));
                }


                MqttConnectResult result = await handshake.Task.ConfigureAwait(false);
                ClientLog.Connected(_log, endpoint.ToString(), result.Server.ClientId, result.SessionPresent);
                return link;
            }
            catch (OperationCanceledException) when (handshake.Task.IsCompletedSuccessfully)
            {
                // Accepted, and told to leave before this thread has seen it: the link stays for the farewell.
                return link;
            }
            catch
            {
                // Who was refused closes its side before it goes, so that the server sees an end and not a break.
                if (handshake.Task.IsFaulted)
                    await Task.WhenAny(link.CloseAsync(), link.Ended).ConfigureAwait(false);
                Drop(link, null);
                throw;
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            throw new MqttConnectException($"{endpoint} cannot be reached: no answer within {_options.Reconnect.AttemptTimeout.TotalSeconds:0.#} seconds");
        }
    }

    private async ValueTask<ConnectRequest> RequestAsync(Endpoint endpoint, ProtocolVersion version, CancellationToken cancellationToken)
    {
        MqttCredentials? credentials = _options.CredentialProvider is { } provider
            ? await provider(cancellationToken).ConfigureAwait(false)
            : _options.Credentials ?? endpoint.Credentials;
        ReadOnlyMemory<byte>? authentication = version == ProtocolVersion.Mqtt50 && _options.Authenticator is { } authenticator
            ? await authenticator.StartAsync(cancellationToken).ConfigureAwait(false)
            : null;
        bool isLasting = _options.SessionExpiry > TimeSpan.Zero;
        bool isFirst = !_hasEverConnected;
        return new ConnectRequest
        {
            Endpoint = endpoint.ToString(),
            Version = version,
            ClientId = Server?.ClientId ?? (_clientId.Length > 0 || version == ProtocolVersion.Mqtt50 ? _clientId : RandomId()),
            CleanStart = version == ProtocolVersion.Mqtt50 ? isFirst && (_options.CleanStart ?? !isLasting) : !isLasting || (isFirst && _options.CleanStart == true),
            KeepAliveSeconds = (ushort)Math.Min(ushort.MaxValue, Math.Ceiling(_options.KeepAlive.TotalSeconds)),
            SessionExpirySeconds = ClientEngine.Seconds(_options.SessionExpiry ?? TimeSpan.FromMinutes(5)),
            Credentials = credentials,
            Will = _options.Will,
            ReceiveMaximum = _options.Limits.ReceiveMaximum,
            PacketBytesMax = _options.Limits.PacketBytesMax,
            TopicAliasMaximum = _options.Limits.TopicAliasMaximum,
            SendTopicAliasMaximum = _options.Limits.SendTopicAliasMaximum,
            InFlightMax = _options.Limits.InFlightMax,
            AuthenticationMethod = version == ProtocolVersion.Mqtt50 ? _options.Authenticator?.Method : null,
            AuthenticationData = authentication,
            RequestProblemInformation = _options.RequestProblemInformation,
            RequestResponseInformation = _options.RequestResponseInformation,
            UserProperties = UserProperties.Encode([.. _options.UserProperties]),
        };
    }

    /// <summary>Keeps an accepted connection until it ends; says why it did.</summary>
    private async Task<Exception> RunAsync(Link link, CancellationToken stopping)
    {
        TimeSpan tick = TimeSpan.FromMilliseconds(Math.Clamp(Server!.KeepAlive.TotalMilliseconds / 4, 50, 1000));
        using ITimer timer = Time.CreateTimer(_ => Tick(link), null, tick, tick);
        Exception? cause = await link.Ended.ConfigureAwait(false);
        if (stopping.IsCancellationRequested)
            return new MqttNotConnectedException("The client was disconnected.");
        Drop(link, cause);
        return _dismissal ?? new MqttNotConnectedException($"{_engine.Endpoint} closed the connection{(cause is null ? "" : $": {cause.Message.TrimEnd('.')}")}.", cause);
    }

    private void Tick(Link link)
    {
        bool isAlive;
        lock (_gate)
        {
            if (_link != link)
                return;
            if (link.IsResting)
                _engine.Rest(Now());
            isAlive = _engine.OnTime(Now());
            AfterEngine();
        }

        if (!isAlive)
        {
            _blame = Blame.None;
            link.Abort(new MqttNotConnectedException($"the server has not answered for {_options.ResponseTimeout.TotalSeconds:0.#} seconds."));
        }
    }

    /// <summary>The link is over; the session waits for the next.</summary>
    private void Drop(Link link, Exception? cause)
    {
        link.Abort(cause);
        lock (_gate)
        {
            if (_link != link)
                return;
            _link = null;
            _handshake = null;
            _engine.Closed(cause is OperationCanceledException ? Blame.None : _blame);
            if (_connected.Task.IsCompletedSuccessfully)
                _connected = NewConnected();
            _room?.TrySetResult();
            _room = null;
            _pong?.TrySetException(new MqttNotConnectedException("The connection is lost."));
            _pong = null;
            _reauthentication?.TrySetException(_dismissal ?? new MqttNotConnectedException("The connection is lost."));
            _reauthentication = null;
            AfterEngine();
        }
    }

    private void GiveUp(Exception cause, bool isFault = true)
    {
        ClientLog.GivenUp(_log, cause.Message);
        lock (_gate)
        {
            _fault = cause;
            SetState(isFault ? MqttConnectionState.Faulted : MqttConnectionState.Disconnected, cause, false);
            _connected.TrySetException(cause);
            _ = _connected.Task.Exception;
            var failure = new MqttNotConnectedException($"There is no connection and none will be made: {cause.Message}", cause);
            _engine.FailAll(failure);
            _engine.FailTickets(cause);
            _outboxRoom?.TrySetResult();
            _outboxRoom = null;
            AfterEngine();
        }
    }

    /// <summary>By the reading thread: the engine wants the link closed, and has written its last words.</summary>
    internal void Closing(Link link)
    {
        if (!_engine.Fault.IsNone)
            _dismissal ??= new MqttException($"{_engine.Endpoint} broke the protocol: {_engine.Fault.Detail}.", _engine.Fault.Reason);
        _ = EndAsync();

        async Task EndAsync()
        {
            await link.CloseAsync().ConfigureAwait(false);
            link.Abort(_dismissal);
        }
    }

    void IEngineHost.Connected(MqttConnectResult result, bool sessionLost)
    {
        Server = result.Server;
        bool isLost = sessionLost && _hasEverConnected && Lasts;
        if (isLost && _options.Reconnect.WhenSessionLost == MqttSessionLost.Fail)
        {
            _handshake?.TrySetException(new MqttConnectException("The server has forgotten the session.") { IsFinal = true });
            return;
        }

        if (isLost)
            ClientLog.SessionLost(_log, _engine.SubscriptionCount);
        if (_hasEverConnected)
            Telemetry.Reconnected(isLost);
        _hasConnected = true;
        _hasEverConnected = true;
        if (result.SessionPresent)
        {
            foreach (MqttSubscription subscription in _subscriptions)
                subscription.RemoveRepeated();
        }

        SetState(MqttConnectionState.Connected, null, isLost);
        _handshake?.TrySetResult(result);
        _connected.TrySetResult(result);
    }

    void IEngineHost.Refused(ReasonCode reason, ConnectReturnCode returnCode, string? said, string? serverReference)
    {
        string why = _engine.Version == ProtocolVersion.Mqtt50 && reason != ReasonCode.UnsupportedProtocolVersion
            ? MqttException.Describe(reason, said)
            : $"{ReasonCodes.Name(reason)} (return code {(int)returnCode})";
        _handshake?.TrySetException(new MqttConnectException($"{_engine.Endpoint} refused the connection: {why}.", reason, serverReference)
        {
            ReturnCode = (byte)(_engine.Version == ProtocolVersion.Mqtt50 ? 0 : returnCode),
        });
    }

    void IEngineHost.Dismissed(ReasonCode reason, string? said, string? serverReference)
    {
        _blame = Refusals.Blames(reason);
        _dismissal = new MqttConnectException($"{_engine.Endpoint} closed the connection: {MqttException.Describe(reason, said)}.", reason, serverReference);
    }

    /// <summary>Whether a session is expected to outlive a connection.</summary>
    private bool Lasts => _engine.Version == ProtocolVersion.Mqtt50 || _options.SessionExpiry > TimeSpan.Zero;

    /// <summary>Under the gate: notes the state and tells it later, in order.</summary>
    private void SetState(MqttConnectionState state, Exception? reason, bool sessionLost)
    {
        if (_state == state)
            return;
        Announce(new MqttConnectionStateChangedEventArgs(_state, state, sessionLost, reason));
        _state = state;
    }

    /// <summary>Under the gate: has it told later, after what was announced before.</summary>
    private void Announce(EventArgs happened)
    {
        _events.Enqueue(happened);
        if (_isTelling)
            return;
        _isTelling = true;
        ThreadPool.UnsafeQueueUserWorkItem(static client => client.Tell(), this, preferLocal: false);
    }

    private void Tell()
    {
        while (true)
        {
            EventArgs? happened;
            lock (_gate)
            {
                if (!_events.TryDequeue(out happened))
                {
                    _isTelling = false;
                    return;
                }
            }

            try
            {
                if (happened is MqttConnectionStateChangedEventArgs change)
                    ConnectionStateChanged?.Invoke(this, change);
                else
                    SubscriptionRefused?.Invoke(this, (MqttSubscriptionRefusedEventArgs)happened);
            }
#pragma warning disable CA1031 // A listener must not break the client.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                ClientLog.EventFailed(_log, exception);
            }
        }
    }

    private static TaskCompletionSource<MqttConnectResult> NewConnected() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The server ended the connection instead of answering CONNECT: it may know an older version only.</summary>
internal sealed class UnansweredConnectException(string why) : Exception(why);
