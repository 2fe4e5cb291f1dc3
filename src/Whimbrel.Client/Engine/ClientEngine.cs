using System.Collections;
using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Client.Engine;

/// <summary>
/// The client's side of MQTT without input and output: bytes that have come go in by <see cref="Receive"/>, bytes to send gather in
/// <see cref="Output"/>, time is an argument in milliseconds. It holds the session, which survives connections: what is queued, what is in
/// flight in both directions, and the subscriptions. Not thread-safe: the client's gate guards it.
/// </summary>
internal sealed partial class ClientEngine
{
    private readonly IEngineHost _host;
    private readonly EngineOptions _options;
    private ConnectRequest _connect = new();
    private bool _hasSession;
    private long _lastSent;
    private long _pingSent = -1;
    private int _keepAliveSeconds;

    public ClientEngine(IEngineHost host, EngineOptions options)
    {
        _host = host;
        _options = options;
        _isTicket = _tickets.ContainsKey;
    }

    public SendBuffer Output { get; } = new();

    /// <summary>CONNACK has said yes and the link stands.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>Where the server is, for people.</summary>
    public string Endpoint => _connect.Endpoint;

    public ProtocolVersion Version => _connect.Version;

    public MqttServerCapabilities Server { get; private set; } = new();

    /// <summary>Counts connections, so that what belongs to an earlier one is known as such.</summary>
    public int Epoch { get; private set; }

    /// <summary>Where things stand, for somebody who looks for a fault.</summary>
    public string Describe() =>
        $"connected {IsConnected}, epoch {Epoch}, queued {_queue.Count}, in flight {_window.Count}, free {_window.Free}, resends {_window.HasResends}, cautious {_isCautious}, unacknowledged {_acks.Count}, unsent {Output.Waiting}";

    /// <summary>A new link stands: says CONNECT.</summary>
    public void Open(ConnectRequest request, long now)
    {
        _connect = request;
        Epoch++;
        Output.Clear();
        _lastSent = now;
        _pingSent = -1;
        _keepAliveSeconds = request.KeepAliveSeconds;
        WriteConnect(request);
    }

    /// <summary>The link is gone. Everything that the session owes stays for the next one.</summary>
    /// <param name="blame">Whether what the server was sent is why.</param>
    public void Closed(Blame blame)
    {
        bool wasConnected = IsConnected;
        IsConnected = false;
        Output.Clear();
        _held.Clear();
        foreach (SubscribeTicket ticket in _tickets.Values)
        {
            if (ticket.IsUnsubscribe)
                _leaving.Add(ticket);
        }

        _tickets.Clear();
        _acks.Clear();
        _isClosing = false;
        _rawTargets = [];
        foreach (Unclaimed held in _unclaimed)
            _unfinished.Remove((ushort)held.Token);
        _unclaimed.Clear();
        if (wasConnected)
            NoteEnd(blame);
    }

    /// <summary>Says farewell. The link is closed when the bytes have left.</summary>
    public void Disconnect(MqttDisconnectOptions options)
    {
        var packet = new DisconnectPacket
        {
            Reason = options.PublishWill ? ReasonCode.DisconnectWithWillMessage : ReasonCode.Success,
            ReasonString = Encoding.UTF8.GetBytes(options.ReasonString ?? ""),
            UserPropertyBlock = UserProperties.Encode([.. options.UserProperties]),
        };
        if (options.SessionExpiry is { } expiry && _connect.SessionExpirySeconds != 0)
            packet.SessionExpirySeconds = Seconds(expiry);
        Output.Write(packet, Version);
    }

    public void Authenticate(ReasonCode reason, ReadOnlySpan<byte> data) => Output.Write(
        new AuthPacket
        {
            Reason = reason,
            HasAuthenticationMethod = true,
            AuthenticationMethod = Encoding.UTF8.GetBytes(_connect.AuthenticationMethod ?? ""),
            HasAuthenticationData = !data.IsEmpty,
            AuthenticationData = data,
        },
        Version);

    /// <summary>Bytes have been given to the network.</summary>
    public void Sent(long now) => _lastSent = now;

    /// <summary>
    /// Lets time pass: asks whether the server is there when nothing was sent for the keep-alive's time, gives up what has expired, and in the
    /// end what was kept for subscribers that do not come.
    /// False: the server has not answered in time and the link is dead.
    /// </summary>
    public bool OnTime(long now)
    {
        DropExpired(now);
        if (_mayClaim && IsConnected && now >= _claimsEnd)
            EndClaims();
        if (!IsConnected)
            return true;
        if (_pingSent >= 0)
            return now - _pingSent < _options.ResponseTimeoutMilliseconds;
        if (_keepAliveSeconds == 0 || now < Math.Min(KeepAlive.ClientPingDue(_lastSent, (ushort)_keepAliveSeconds), KeepAlive.ClientPingDue(_lastReceived, (ushort)_keepAliveSeconds)))
            return true;
        Ping(now);
        return true;
    }

    /// <summary>Nothing is read at the moment, so the server's silence means nothing; it must hear from us all the same.</summary>
    public void Rest(long now)
    {
        _lastReceived = now;
        _pingSent = -1;
    }

    /// <summary>There may be nobody on the connection any more: asks, unless an answer is awaited already.</summary>
    public void Probe(long now)
    {
        if (IsConnected && _pingSent < 0)
            Ping(now);
    }

    /// <summary>Asks whether the server is there.</summary>
    public void Ping(long now)
    {
        if (_pingSent < 0)
            _pingSent = now;
        PingPacket.Request.CopyTo(Output.Reserve(2));
        Output.Advance(2);
    }

    private void WriteConnect(ConnectRequest request)
    {
        bool is50 = request.Version == ProtocolVersion.Mqtt50;
        var packet = new ConnectPacket
        {
            Version = request.Version,
            ClientId = Encoding.UTF8.GetBytes(request.ClientId),
            CleanStart = request.CleanStart,
            KeepAliveSeconds = request.KeepAliveSeconds,
            UserPropertyBlock = request.UserProperties,
        };
        if (request.Credentials is { } credentials)
        {
            packet.HasUserName = credentials.UserName is not null || !is50;
            packet.UserName = Encoding.UTF8.GetBytes(credentials.UserName ?? "");
            packet.HasPassword = credentials.Password.HasValue;
            packet.Password = credentials.Password.GetValueOrDefault().Span;
        }

        if (request.Will is { } will)
        {
            packet.HasWill = true;
            packet.WillTopic = Encoding.UTF8.GetBytes(will.Topic);
            packet.WillPayload = will.Payload.Span;
            packet.WillQoS = (QoS)will.QoS;
            packet.WillRetain = will.Retain;
            packet.WillDelaySeconds = (uint)will.Delay.TotalSeconds;
            packet.WillMessageExpirySeconds = will.Expiry is { } expiry ? Seconds(expiry) : null;
            packet.WillProperties = MessageProperties.Encode(will);
        }

        if (is50)
        {
            packet.SessionExpirySeconds = request.SessionExpirySeconds == 0 ? null : request.SessionExpirySeconds;
            packet.ReceiveMaximum = request.ReceiveMaximum;
            packet.MaximumPacketSize = (uint)request.PacketBytesMax;
            packet.TopicAliasMaximum = request.TopicAliasMaximum == 0 ? null : request.TopicAliasMaximum;
            packet.RequestProblemInformation = request.RequestProblemInformation ? null : false;
            packet.RequestResponseInformation = request.RequestResponseInformation ? true : null;
            if (request.AuthenticationMethod is { } method)
            {
                packet.HasAuthenticationMethod = true;
                packet.AuthenticationMethod = Encoding.UTF8.GetBytes(method);
                packet.HasAuthenticationData = request.AuthenticationData.HasValue;
                packet.AuthenticationData = request.AuthenticationData.GetValueOrDefault().Span;
            }
        }

        Output.Write(packet, request.Version);
    }

    private bool OnConnAck(in Frame frame, long now, out Violation violation)
    {
        if (IsConnected)
        {
            violation = new Violation(ReasonCode.ProtocolError, "a second CONNACK");
            return false;
        }

        // A server of 3.1.1 answers a CONNECT of 5.0 in its own words.
        if (frame.Body is [_, (byte)ConnectReturnCode.UnacceptableProtocolVersion])
        {
            violation = default;
            _host.Refused(ReasonCode.UnsupportedProtocolVersion, ConnectReturnCode.UnacceptableProtocolVersion, null, null);
            return true;
        }

        if (!ConnAckPacket.TryParse(frame, Version, out ConnAckPacket packet, out violation))
        {
            violation = new Violation(violation.Reason, $"its CONNACK is malformed: {violation.Detail}");
            return false;
        }

        if (ReasonCodes.IsError(packet.Reason))
        {
            _host.Refused(packet.Reason, packet.ReturnCode, MessageProperties.Text(packet.ReasonString), MessageProperties.Text(packet.ServerReference));
            return true;
        }

        Server = Agree(packet);
        _keepAliveSeconds = (int)Server.KeepAlive.TotalSeconds;
        IsConnected = true;
        bool isLost = _hasSession && !packet.SessionPresent;
        if (packet.SessionPresent && !_hasSession)
            _released = new BitArray(ushort.MaxValue + 1);
        if (!packet.SessionPresent)
            ForgetSession();
        _hasSession = true;
        _claimsEnd ??= now + ClaimMilliseconds;
        _inboundAliases = new InboundTopicAliases(Version == ProtocolVersion.Mqtt50 ? _connect.TopicAliasMaximum : (ushort)0);
        _sendAliases = new SendAliases(Math.Min(Server.TopicAliasMaximum, _connect.SendTopicAliasMaximum));
        _window.Open(_isCautious ? 1 : Math.Min(Server.ReceiveMaximum, _connect.InFlightMax));
        _sentSinceOpen = 0;
        _answeredSinceOpen = false;
        if (_isProbing = _isCautious)
            Ping(now);
        _host.Connected(new MqttConnectResult(packet.SessionPresent, Server), isLost);
        SubscribeAgain(!packet.SessionPresent);
        Pump(now);
        return true;
    }

    private MqttServerCapabilities Agree(in ConnAckPacket packet) => new()
    {
        ProtocolVersion = (MqttProtocolVersion)Version,
        Endpoint = _connect.Endpoint,
        ClientId = packet.AssignedClientId.IsEmpty ? _connect.ClientId : Encoding.UTF8.GetString(packet.AssignedClientId),
        ReceiveMaximum = packet.ReceiveMaximum ?? ushort.MaxValue,
        MaximumQoS = (MqttQoS)(packet.MaximumQoS ?? QoS.ExactlyOnce),
        RetainAvailable = packet.RetainAvailable ?? true,
        MaximumPacketBytes = packet.MaximumPacketSize ?? 268_435_460,
        TopicAliasMaximum = packet.TopicAliasMaximum ?? 0,
        WildcardSubscriptionAvailable = packet.WildcardSubscriptionAvailable ?? true,
        SubscriptionIdentifiersAvailable = Version == ProtocolVersion.Mqtt50 && (packet.SubscriptionIdentifiersAvailable ?? true),
        SharedSubscriptionAvailable = packet.SharedSubscriptionAvailable ?? true,
        KeepAlive = TimeSpan.FromSeconds(packet.ServerKeepAliveSeconds ?? _connect.KeepAliveSeconds),
        SessionExpiry = TimeSpan.FromSeconds(packet.SessionExpirySeconds ?? _connect.SessionExpirySeconds),
        ResponseInformation = MessageProperties.Text(packet.ResponseInformation),
        UserProperties = MessageProperties.Users(packet.UserPropertyBlock),
    };

    /// <summary>The server knows nothing of us: what it had acknowledged halfway begins anew, with new identifiers.</summary>
    private void ForgetSession()
    {
        RequeueInFlight();
        _released = null;
        _received.Clear();
        _unfinished.Clear();
        if (_options.IsDurable)
            Change(new MqttOutboxChange(MqttOutboxChangeKind.NewSession, 0, 0, default));
    }

    internal static uint Seconds(TimeSpan time) => (uint)Math.Clamp(Math.Ceiling(time.TotalSeconds), 0, uint.MaxValue);
}

/// <summary>How far the end of a connection accuses what the server was sent.</summary>
internal enum Blame
{
    /// <summary>Not at all: the network, time, or a reason of the server's own.</summary>
    None,

    /// <summary>The server closed without a word about why.</summary>
    Possible,

    /// <summary>The server said that a packet is why.</summary>
    Named,
}

/// <summary>What the engine needs to know for its whole life.</summary>
internal sealed record EngineOptions
{
    public long ResponseTimeoutMilliseconds { get; init; } = 10_000;

    public int MessagesMax { get; init; } = 10_000;

    public long BytesMax { get; init; } = 64 * 1024 * 1024;

    public int RejectionsMax { get; init; } = 3;

    /// <summary>Whether there is a store, so that nothing leaves before what it rests on is written.</summary>
    public bool IsDurable { get; init; }

    /// <summary>Subscription identifiers are drawn from the filter, so that they mean the same in the next process.</summary>
    public bool HasLastingSession { get; init; }
}
