using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>What the reading side of a link does after <see cref="Connection.Receive"/>.</summary>
public enum ReceiveStatus : byte
{
    /// <summary>Keep what was not consumed and call again with more bytes behind it.</summary>
    NeedMore,

    /// <summary>Keep what was not consumed, do not read, and call again after <see cref="Connection.Woken"/>.</summary>
    Paused,

    /// <summary>The connection has ended; <see cref="Link.Close"/> was called.</summary>
    Ended,
}

/// <summary>
/// The protocol's side of one link: cuts packets, leads from CONNECT over authentication to a session, and hands the session its
/// packets. It lives as long as the link.
/// </summary>
/// <remarks>
/// <see cref="Receive"/>, <see cref="Woken"/> and <see cref="Closed"/> are called by the link's reading thread, one at a time. Other
/// threads end the connection through the session's gate or, before there is a session, through <see cref="RequestClose"/>.
/// </remarks>
public sealed class Connection : ITimed
{
    private readonly MessageBroker _broker;
    private ConnectionPhase _phase;
    private ProtocolVersion _version;
    private Handshake? _handshake;
    private SessionGate? _gate;
    private bool _isWaiting;
    private CloseCause? _requestedClose;

    // Set once, by whoever ends the connection.
    private volatile CloseCause? _cause;

    internal Connection(MessageBroker broker, Link link)
    {
        _broker = broker;
        Link = link;
    }

    internal Link Link { get; }

    /// <summary>The client's Maximum Packet Size, in bytes [MQTT-3.1.2-24].</summary>
    internal uint PacketSizeMax { get; private set; } = uint.MaxValue;

    /// <summary>Whether CONNACK was sent: nothing else may go before it [MQTT-3.2.0-1].</summary>
    internal bool IsAccepted { get; set; }

    private bool HasEnded => _cause is not null;

    private string? ClientId => _gate?.ClientId ?? _handshake?.ClientId;

    /// <summary>
    /// Takes whole packets from the front of <paramref name="bytes"/>.
    /// </summary>
    /// <param name="bytes">What was kept from the last call, and what has arrived since.</param>
    /// <param name="turn">The reading thread's turn.</param>
    /// <param name="consumed">How many bytes are done with.</param>
    /// <param name="frameLength">With <see cref="ReceiveStatus.NeedMore"/>: the length of the packet that has begun, 0 while unknown.</param>
    public ReceiveStatus Receive(ReadOnlySpan<byte> bytes, Turn turn, out int consumed, out int frameLength)
    {
        consumed = 0;
        frameLength = 0;
        while (!HasEnded)
        {
            if (_isWaiting || (_gate is null && _handshake is { IsWaiting: true }))
                return ReceiveStatus.Paused;
            uint max = _phase == ConnectionPhase.Connected ? _broker.Options.MaximumPacketSize : Math.Min(_broker.Options.ConnectPacketSizeMax, _broker.Options.MaximumPacketSize);
            FrameStatus status = FrameReader.TryRead(bytes[consumed..], max, out Frame frame, out int length, out Violation violation);
            if (status == FrameStatus.NeedMore)
            {
                frameLength = length;
                return ReceiveStatus.NeedMore;
            }

            if (status == FrameStatus.Malformed)
            {
                Fail(CloseCause.Of(violation), turn);
                break;
            }

            consumed += length;
            turn.Tally.PacketsReceived++;
            turn.Tally.BytesReceived += length;
            OnFrame(frame, turn);
            _broker.RunRoutes(turn);
        }

        _broker.RunRoutes(turn);
        return ReceiveStatus.Ended;
    }

    /// <summary>The link was asked to look again: an answer came, what was pending has left, or somebody wants the connection ended.</summary>
    public void Woken(Turn turn)
    {
        if (HasEnded)
            return;
        if (Interlocked.Exchange(ref _requestedClose, null) is { } cause)
            Fail(cause, turn);
        else if (_gate is null)
            _handshake?.Woken(turn);
        else
            WokenConnected(turn);
        _broker.RunRoutes(turn);
    }

    /// <summary>The network connection is gone; the last call.</summary>
    /// <param name="cause">What the link saw; a reason that the broker had for ending it comes before.</param>
    public void Closed(CloseCause cause, Turn turn)
    {
        cause = _cause ??= cause;
        if (_gate is { } gate)
        {
            using SessionGate.Scope scope = gate.Enter();
            scope.Session.Detach(this, cause, turn);
        }

        _broker.Forget(this);
        _broker.Statistics.CountClosed(cause.Reason);
        turn.Happened(new BrokerEvent(BrokerEventKind.Closed)
        {
            ClientId = ClientId,
            Peer = Link.Peer,
            Version = _version,
            CloseReason = cause.Reason,
            Code = cause.Code,
            Detail = cause.Detail,
        });
        _broker.RunRoutes(turn);
    }

    /// <summary>The connect timeout, or a wake-up too late to matter.</summary>
    void ITimed.OnTimer(Turn turn)
    {
        if (_phase != ConnectionPhase.Connected)
            RequestClose(CloseCause.ConnectTimeout);
    }

    /// <summary>Asks the reading thread to end the connection. Any thread.</summary>
    internal void RequestClose(CloseCause cause)
    {
        Interlocked.CompareExchange(ref _requestedClose, cause, null);
        Link.Wake();
    }

    /// <summary>Says goodbye in the client's version and closes the link. Under the session's gate, if there is one. Only the first call counts.</summary>
    internal void End(CloseCause cause, Turn turn)
    {
        if (HasEnded)
            return;
        _cause = cause;
        bool fromClient = cause.Reason is CloseReason.ClientDisconnected or CloseReason.ClientDisconnectedWithWill;
        bool known = IsAccepted && _version == ProtocolVersion.Mqtt50 && !fromClient;
        if (known)
            TrySend(new DisconnectPacket { Reason = cause.Code, ReasonString = ReasonStringFor(cause.Detail) }, turn);
        turn.Touch(Link);
        Link.Close();
    }

    /// <summary>Refuses the CONNECT with CONNACK and closes.</summary>
    internal void Refuse(ReasonCode reason, string detail, Turn turn)
    {
        if (HasEnded)
            return;
        if (_version != 0)
            TrySend(new ConnAckPacket { Reason = reason, ReasonString = ReasonStringFor(detail) }, turn);
        _broker.Statistics.CountRefused();
        turn.Happened(new BrokerEvent(BrokerEventKind.Refused)
        {
            ClientId = ClientId,
            Peer = Link.Peer,
            Version = _version,
            Code = reason,
            Detail = detail,
        });
        End(new CloseCause(CloseReason.ConnectionRefused, reason, detail), turn);
    }

    /// <summary>Sends a packet other than PUBLISH; false, and nothing sent, when it exceeds the client's Maximum Packet Size [MQTT-3.1.2-24].</summary>
    internal bool TrySend<TPacket>(in TPacket packet, Turn turn)
        where TPacket : IPacket, allows ref struct
    {
        int length = packet.Measure(_version);
        if ((uint)length > PacketSizeMax)
            return false;
        Span<byte> span = Link.Reserve(length);
        int written = 0;
        try
        {
            packet.Write(span, _version);
            written = length;
        }
        finally
        {
            Link.Commit(written);
        }

        turn.Tally.Sent(length);
        turn.Touch(Link);
        return true;
    }

    /// <summary>Encodes a packet that is to be sent later, in the version of the client.</summary>
    internal byte[] Encode<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] frame = new byte[packet.Measure(_version)];
        packet.Write(frame, _version);
        return frame;
    }

    /// <summary>Sends a packet that was encoded before, as <see cref="TrySend"/> does.</summary>
    internal bool TrySendEncoded(ReadOnlySpan<byte> frame, Turn turn)
    {
        if ((uint)frame.Length > PacketSizeMax)
            return false;
        frame.CopyTo(Link.Reserve(frame.Length));
        Link.Commit(frame.Length);
        turn.Tally.Sent(frame.Length);
        turn.Touch(Link);
        return true;
    }

    /// <summary>The client is authenticated and allowed: from now on a session answers.</summary>
    internal void Establish(ConnectRequest request, ReadOnlyMemory<byte> authenticationData, Turn turn)
    {
        // A client that could not be told that it is connected must not be, nor cost anybody a session.
        if ((uint)request.Accepted(false, authenticationData, _broker.Options, _broker.Journal.IsOn).Measure(_version) > PacketSizeMax)
        {
            Refuse(ReasonCode.PacketTooLarge, "a maximum packet size below that of CONNACK", turn);
            return;
        }

        bool resumes = !request.CleanStart && _broker.Sessions.TryGet(request.ClientId, out _);
        if (_broker.Journal.IsFull && request.ExpirySeconds > 0 && !resumes)
        {
            Refuse(ReasonCode.QuotaExceeded, "the disk of the data directory is full", turn);
            return;
        }

        while (true)
        {
            if (_broker.Sessions.GetOrAdd(request.ClientId) is not { } gate)
            {
                Refuse(ReasonCode.QuotaExceeded, "the broker holds as many sessions as it may", turn);
                return;
            }

            using SessionGate.Scope scope = gate.Enter();
            // [MQTT-3.1.4-3] A connection that is still there ends first, and perhaps the session with it; its will follows the rules of
            // any lost connection. A session that has ended, now or since the look-up, is no longer the identifier's: look again.
            if (!scope.Session.Ended)
                scope.Session.Close(CloseCause.SessionTakenOver, turn);
            if (scope.Session.Ended)
                continue;
            _gate = gate;
            _phase = ConnectionPhase.Connected;
            _broker.Established(this);
            scope.Session.Attach(this, request, authenticationData, turn);
            _isWaiting = scope.Session.IsWaiting;
            // Only a client with an authentication method may still use it, to authenticate again.
            if (request.AuthenticationMethod is null)
                _handshake = null;
            return;
        }
    }

    private void OnFrame(in Frame frame, Turn turn)
    {
        Violation violation = PacketOrder.CheckFromClient(_phase, frame.Type, _version);
        if (!violation.IsNone)
            Fail(CloseCause.Of(violation), turn);
        else if (frame.Type == PacketType.Connect)
            OnConnect(frame, turn);
        else if (frame.Type == PacketType.Auth)
            OnAuth(frame, turn);
        else if (_gate is null)
            End(new CloseCause(CloseReason.ClientDisconnected, ReasonCode.Success, "the client sent DISCONNECT before CONNACK"), turn);
        else
            OnSessionFrame(frame, turn);
    }

    private void OnSessionFrame(in Frame frame, Turn turn)
    {
        using SessionGate.Scope scope = _gate!.Enter();
        // Another thread may have ended the connection a moment ago.
        if (ReferenceEquals(scope.Session.Connection, this))
            scope.Session.OnPacket(frame, turn);
        _isWaiting = scope.Session.IsWaiting;
    }

    private void OnConnect(in Frame frame, Turn turn)
    {
        bool valid = ConnectPacket.TryParse(frame, out ConnectPacket packet, out Violation violation);
        _version = packet.Version;
        PacketSizeMax = packet.MaximumPacketSize ?? uint.MaxValue;
        if (!valid)
        {
            if (violation.Reason == ReasonCode.UnsupportedProtocolVersion)
            {
                // Whatever the client speaks, return code 1 of 3.x is what most could read [3.1.1: MQTT-3.1.2-2].
                _version = ProtocolVersion.Mqtt311;
                Refuse(violation.Reason, violation.Detail, turn);
            }
            else if (violation.Reason == ReasonCode.ClientIdentifierNotValid || _version == ProtocolVersion.Mqtt50)
            {
                Refuse(violation.Reason, violation.Detail, turn);
            }
            else
            {
                Fail(CloseCause.Of(violation), turn);
            }

            return;
        }

        if (TryAccept(packet, out ReasonCode reason, out string? detail))
        {
            if (packet.HasAuthenticationMethod)
                _phase = ConnectionPhase.Authenticating;
            _handshake!.Begin(packet.AuthenticationData, turn);
        }
        else
        {
            Refuse(reason, detail!, turn);
        }
    }

    private bool TryAccept(in ConnectPacket packet, out ReasonCode reason, out string? detail)
    {
        BrokerOptions options = _broker.Options;
        bool assigned = packet.ClientId.IsEmpty;
        (reason, detail) = packet switch
        {
            _ when _broker.IsShuttingDown => (ReasonCode.ServerUnavailable, "the broker is stopping"),
            // [3.1.1: MQTT-3.1.3-8] Without clean session an empty identifier names nothing that could be kept. 3.1 wants 1 to 23 characters.
            { Version: ProtocolVersion.Mqtt31 } when assigned => (ReasonCode.ClientIdentifierNotValid, "an empty client identifier in MQTT 3.1"),
            { Version: ProtocolVersion.Mqtt311, CleanStart: false } when assigned => (ReasonCode.ClientIdentifierNotValid, "an empty client identifier without clean session"),
            _ when packet.ClientId.Length > options.ClientIdLengthMax => (ReasonCode.ClientIdentifierNotValid, "a client identifier longer than allowed"),
            // [MQTT-3.2.2-12], [MQTT-3.2.2-13]
            { HasWill: true } when packet.WillQoS > options.MaximumQoS => (ReasonCode.QoSNotSupported, "a will with a QoS above the maximum"),
            { HasWill: true, WillRetain: true } when !options.RetainAvailable => (ReasonCode.RetainNotSupported, "a retained will where RETAIN is not available"),
            { HasWill: true } when ReservedTopics.Contains(packet.WillTopic) => (ReasonCode.NotAuthorized, "a will on a topic of the broker's own"),
            _ => (ReasonCode.Success, null),
        };
        string clientId = assigned ? NewClientId() : Encoding.UTF8.GetString(packet.ClientId);
        _handshake = new Handshake(this, _broker, new ConnectRequest(packet, clientId, Link, options) { IsAssigned = assigned });
        return detail is null;
    }

    /// <summary>[MQTT-3.2.2-16] A name that nobody has: a client may have chosen one that looks like ours, and must not lose its session.</summary>
    private string NewClientId()
    {
        string clientId;
        do
        {
            clientId = _broker.Ports.NewClientId();
        }
        while (_broker.Sessions.TryGet(clientId, out _));
        return clientId;
    }

    private void OnAuth(in Frame frame, Turn turn)
    {
        if (_gate is { } gate)
        {
            using SessionGate.Scope scope = gate.Enter();
            scope.Session.OnSignOfLife(turn);
        }

        if (!AuthPacket.TryParse(frame, _version, out AuthPacket packet, out Violation violation))
            Fail(CloseCause.Of(violation), turn);
        else if (_handshake is { } handshake)
            handshake.OnAuth(packet, turn);
        else
            Fail(CloseCause.Of(new Violation(ReasonCode.ProtocolError, "AUTH without an authentication method in CONNECT")), turn);
    }

    private void WokenConnected(Turn turn)
    {
        _handshake?.Woken(turn);
        using SessionGate.Scope scope = _gate!.Enter();
        if (ReferenceEquals(scope.Session.Connection, this))
            scope.Session.OnWoken(turn);
        _isWaiting = scope.Session.IsWaiting;
    }

    /// <summary>Ends the connection from the reading thread, through the gate if there is a session.</summary>
    internal void Fail(CloseCause cause, Turn turn)
    {
        if (_gate is null)
        {
            End(cause, turn);
            return;
        }

        using SessionGate.Scope scope = _gate.Enter();
        if (ReferenceEquals(scope.Session.Connection, this))
            scope.Session.Close(cause, turn);
    }

    /// <summary>Sends AUTH: under the gate, if there is one, so that it cannot mix with a delivery of another thread.</summary>
    internal void SendAuth(in AuthPacket packet, Turn turn)
    {
        if (_gate is null)
        {
            if (!TrySend(packet, turn))
                Refuse(ReasonCode.PacketTooLarge, "an AUTH larger than the client's maximum packet size", turn);
            return;
        }

        using SessionGate.Scope scope = _gate.Enter();
        if (ReferenceEquals(scope.Session.Connection, this) && !TrySend(packet, turn))
            scope.Session.Close(CloseCause.AnswerTooLarge, turn);
    }

    internal void Routed(in Route route, RouteOutcome outcome, Turn turn)
    {
        using SessionGate.Scope scope = _gate!.Enter();
        scope.Session.OnRouted(route, outcome, turn);
        _isWaiting = scope.Session.IsWaiting;
    }

    /// <summary>
    /// Reason strings go out in CONNACK and DISCONNECT only, where they always may [MQTT-3.1.2-29], and only as far as the client's
    /// Maximum Packet Size allows [MQTT-3.2.2-19, MQTT-3.14.2-3].
    /// </summary>
    private byte[] ReasonStringFor(string detail)
    {
        byte[] text = Encoding.UTF8.GetBytes(detail);
        return text.Length + 16 > PacketSizeMax ? [] : text;
    }
}
