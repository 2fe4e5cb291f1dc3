using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>
/// One client's session: what survives its connections (subscriptions, queue, what is in flight both ways, the will) and, while it
/// has one, what belongs to its connection. One class serves MQTT 3.1, 3.1.1 and 5.0.
/// </summary>
/// <remarks>
/// Reached through its <see cref="SessionGate"/> only. Inputs are methods; what concerns others is put into the <see cref="Turn"/>.
/// This part: attaching, ending, deadlines. <c>Session.Inbound.cs</c>: packets of the client. <c>Session.Outbound.cs</c>: deliveries to it.
/// <c>Session.Storing.cs</c>: what is kept on disk, and the packets that wait for it. <c>Session.Recovery.cs</c>: how it comes back.
/// </remarks>
internal sealed partial class Session(SessionGate gate, MessageBroker broker)
{
    private static readonly InFlightWindow<Delivery> NothingInFlight = new();

    private Outbox _outbox;
    private SessionSubscriptions _subscriptions;

    // These two are made when there is something to hold.
    private InFlightWindow<Delivery>? _window;
    private ReceivedPacketIds? _received;
    private Queue<RetainedReplay>? _replays;
    private bool _exists;
    private uint _expirySeconds;
    private Will? _will;
    private bool _isWillKept;

    // When the connection began or, without one, when the last one ended.
    private long _since;
    private long _nextTimer = Message.Never;

    // Of the connection:
    private ProtocolVersion _version;
    private string? _userName;
    private bool _isBridge;
    private bool _hasAskedToLast;
    private ushort _keepAliveSeconds;
    private long _lastReceived;
    private ushort _sendMaximum;
    private ReceiveQuota _quota;
    private ushort _topicAliasMax;
    private TopicAliases? _aliases;
    private WaitingPacket? _waiting;

    public string ClientId => gate.ClientId;

    /// <summary>The connection that the session has now, or null.</summary>
    public Connection? Connection { get; private set; }

    public Link? Link => Connection?.Link;

    /// <summary>The session is over and out of the registry; whoever still holds its gate must look its client identifier up again.</summary>
    public bool Ended { get; private set; }

    /// <summary>
    /// Whether the connection's further packets wait: behind one that waits for a permission, behind CONNACK, because more is on its way
    /// to the disk than it takes, or because many answers are held back. A client that has used up its Receive Maximum is not at fault while
    /// acknowledgements are held back.
    /// </summary>
    public bool IsWaiting => _waiting is not null || (_held is { } held
        && (held.ConnAck is not null || (held.Count > 0 && (_quota.IsExhausted || Journal.IsCrowded || held.Count >= HeldMax))));

    /// <summary>See <see cref="SessionGate.Availability"/>.</summary>
    public int Availability => Link is not { } link ? -1
        : link.PendingBytes >= broker.Options.LinkHighWaterBytes ? 0 : Math.Max(0, FreeInFlight - _outbox.Count);

    /// <summary>The window, to look at and to take from.</summary>
    private InFlightWindow<Delivery> InFlight => _window ?? NothingInFlight;

    private int FreeInFlight => _window?.Free ?? _sendMaximum;

    /// <summary>Whether the outbox takes one more message of a size.</summary>
    public bool HasRoom(int size, Turn turn) => _outbox.TryMakeRoom(size, ClientId, turn);

    /// <summary>
    /// Gives the session a connection, when it has none: resumes or starts anew, answers CONNACK, and sends what waits.
    /// </summary>
    public void Attach(Connection connection, ConnectRequest request, ReadOnlyMemory<byte> authenticationData, Turn turn)
    {
        bool present = _exists && !request.CleanStart;
        StoredSession? replaced = present ? null : _stored;
        if (_exists && !present)
            Discard(connection, turn);
        if (!present && request.ExpirySeconds > 0 && Journal.IsOn)
            _stored = Journal.Begin(gate);
        _exists = true;
        Connection = connection;
        gate.Attached(connection.Link);
        _version = request.Version;
        _userName = request.AuthenticatedUserName;
        _isBridge = request.IsBridge;
        _expirySeconds = request.ExpirySeconds;
        _hasAskedToLast = request.RequestedExpirySeconds > 0;
        // [MQTT-3.1.3-9] A will that waits is not sent when the session is resumed before its delay is over.
        _will = request.Will;
        _keepAliveSeconds = request.GrantedKeepAliveSeconds;
        _since = _lastReceived = turn.Now;
        // Before 5.0 a client cannot be told a maximum, so it has none.
        _quota = new ReceiveQuota(_version == ProtocolVersion.Mqtt50 ? broker.Options.ReceiveMaximum : ushort.MaxValue);
        _topicAliasMax = Math.Min(request.TopicAliasMaximum, broker.Options.OutboundTopicAliasMax);
        _sendMaximum = Math.Min(request.ReceiveMaximum, broker.Options.InFlightMax);
        _window?.Open(_sendMaximum);
        broker.Statistics.CountConnected();
        turn.Happened(new BrokerEvent(BrokerEventKind.Connected)
        {
            ClientId = ClientId,
            Peer = request.Peer,
            Version = request.Version,
            SessionPresent = present,
            KeepAliveSeconds = _keepAliveSeconds,
        });
        StoreAttached();
        AcceptConnection(request, present, authenticationData, replaced, turn);
        Schedule();
        Pump(turn);
    }

    /// <summary>Ends the connection for a reason of the broker's.</summary>
    public void Close(CloseCause cause, Turn turn)
    {
        if (Connection is not { } connection)
            return;
        connection.End(cause, turn);
        Detach(connection, cause, turn);
    }

    /// <summary>The connection has ended: the will, the expiry and the shared subscriptions take their course.</summary>
    public void Detach(Connection connection, CloseCause cause, Turn turn)
    {
        if (!ReferenceEquals(Connection, connection))
            return;
        Connection = null;
        _since = turn.Now;
        _aliases = null;
        broker.Statistics.CountDisconnected();
        if (_waiting is { Publish: { QoS: QoS.AtMostOnce } lost })
            turn.Dropped(DropReason.LinkLost, ClientId, lost);
        _waiting = null;
        // The client asks again for what waited for the disk, or is sent it again.
        _held = null;
        // [MQTT-3.1.2-10], [MQTT-3.14.4-3]
        if (cause.Reason == CloseReason.ClientDisconnected)
            _will = null;
        else
            _isWillKept = broker.IsShuttingDown && IsDurable && _expirySeconds > 0;
        if (_expirySeconds == 0)
        {
            End(turn);
            return;
        }

        StoreDetached();
        if (WillDue <= turn.Now)
            PublishWill(turn);
        HandOverShared(includeAbsent: false, turn);
        Schedule();
    }

    /// <summary>Ends the session and everything it holds.</summary>
    public void End(Turn turn)
    {
        Discard(null, turn);
        Ended = true;
        broker.Sessions.Remove(gate);
        turn.Happened(new BrokerEvent(BrokerEventKind.SessionEnded) { ClientId = ClientId });
    }

    /// <summary>Something is due, perhaps: looks at every deadline and asks for the next.</summary>
    public void OnTimer(Turn turn)
    {
        // An entry that was put in for a later time, before a nearer deadline overtook it, ends here.
        if (Ended || turn.Now < _nextTimer)
            return;
        _nextTimer = Message.Never;
        if (Connection is not null)
        {
            // Nobody is late while it is the broker that does not read on.
            if (IsWaiting)
                _lastReceived = turn.Now;
            if (turn.Now >= KeepAlive.ServerDeadline(_lastReceived, _keepAliveSeconds))
                Close(CloseCause.KeepAliveTimeout, turn);
        }
        else if (turn.Now >= ExpiresAt)
        {
            broker.Statistics.CountExpired();
            End(turn);
        }
        else if (turn.Now >= WillDue)
        {
            PublishWill(turn);
        }

        Schedule();
    }

    /// <summary>What an administrator sees; null before the first connection and after the end.</summary>
    public ClientDescription? Describe() => !_exists || Ended ? null : new ClientDescription(
        ClientId,
        Connection is not null,
        Link?.Peer,
        _userName,
        _version,
        _since,
        _subscriptions.Count,
        _outbox.Count,
        InFlight.Count);

    /// <summary>DISCONNECT changed the session expiry [MQTT-3.14.2-2].</summary>
    private void ChangeExpiry(uint seconds) => _expirySeconds = Math.Min(seconds, broker.Options.SessionExpirySecondsMax);

    private long ExpiresAt => _expirySeconds == uint.MaxValue ? Message.Never : _since + (_expirySeconds * 1000L);

    /// <summary>When the will is published, without a connection; who loses it because the broker stops may come back before.</summary>
    private long WillDue => _will is not { } will || _isWillKept ? Message.Never : _since + (will.DelaySeconds * 1000L);

    private void Schedule()
    {
        if (Ended)
            return;
        long due = Connection is not null ? KeepAlive.ServerDeadline(_lastReceived, _keepAliveSeconds) : Math.Min(ExpiresAt, WillDue);
        if (due >= _nextTimer)
            return;
        _nextTimer = broker.Timers.Add(gate, due);
    }

    private void PublishWill(Turn turn)
    {
        if (_will is not { } will)
            return;
        _will = null;
        // Its end is stored together with the message: it is published once, whatever happens.
        WillEnded? ended = _stored is { WillNumber: not 0 } stored ? Journal.EndWill(stored) : null;
        turn.Routes.Enqueue(new Route(will.ToMessage(ClientId, turn.Now), null, 0, Change: ended));
    }

    /// <summary>
    /// Forgets the state of the session: it ended or a clean start replaces it, that of <paramref name="successor"/>.
    /// </summary>
    private void Discard(Connection? successor, Turn turn)
    {
        // The end of the session is the latest moment for a will that waits [MQTT-3.1.3-9].
        PublishWill(turn);
        Subscription[] subscriptions = _subscriptions.TakeAll();
        foreach (Subscription subscription in subscriptions)
            Remove(subscription);
        _replays = null;
        DropInFlight(turn);
        HandOverShared(includeAbsent: true, turn);
        StoreEnded(successor, subscriptions, turn);
        if (_outbox.Count > 0)
        {
            _outbox.TryPeek(out Delivery first);
            turn.Dropped(DropReason.SessionEnded, ClientId, first.Message.Topic, _outbox.Count);
            while (_outbox.TryDequeue(out Delivery delivery))
                turn.Forget(delivery);
        }

        _window = null;
        _received = null;
        _unrouted = null;
    }

    /// <summary>
    /// What is in flight at the end of the session: QoS 1 of a shared subscription goes to another member, but never QoS 2, which might be
    /// delivered twice [MQTT-4.8.2-5]. The rest is dropped, by name; what was received and only awaits PUBCOMP is not lost.
    /// </summary>
    private void DropInFlight(Turn turn)
    {
        ReadOnlySpan<byte> topic = default;
        int count = 0;
        foreach (InFlight<Delivery> entry in InFlight.InOrder())
        {
            if (entry.State == InFlightState.AwaitingPubComp)
                continue;
            if (entry.State == InFlightState.AwaitingPubAck && entry.Item.Group is { } group && group.HasOther(gate))
            {
                HandOver(entry.Item, group, turn);
                continue;
            }

            turn.Forget(entry.Item);

            if (count++ == 0)
                topic = entry.Item.Message.Topic;
        }

        if (count > 0)
            turn.Dropped(DropReason.SessionEnded, ClientId, topic, count);
    }

    /// <summary>
    /// Shared deliveries that were never sent go to another member: to one that is online or, at the end of the session
    /// (<paramref name="includeAbsent"/>), to any.
    /// </summary>
    private void HandOverShared(bool includeAbsent, Turn turn)
    {
        if (_outbox.Count == 0)
            return;
        _outbox.Extract(
            delivery => delivery.Group is { } group && (group.HasOtherOnline(gate) || (includeAbsent && group.HasOther(gate))),
            delivery => HandOver(delivery, delivery.Group!, turn));
    }

    /// <summary>The store lets this session's copy go when another one has taken its place, not before.</summary>
    private void HandOver(in Delivery delivery, SharedGroup group, Turn turn)
    {
        if (delivery.Copy is { } copy)
            turn.Routes.Enqueue(new Route(delivery.Message, null, 0, group, Change: new CopyDone(copy), Stored: Journal.HandOver(copy)));
        else
            turn.Routes.Enqueue(new Route(delivery.Message, null, 0, group));
    }

    private void Remove(Subscription subscription)
    {
        subscription.IsRemoved = true;
        subscription.Replay = null;
        broker.Tree.Remove(subscription);
    }
}
