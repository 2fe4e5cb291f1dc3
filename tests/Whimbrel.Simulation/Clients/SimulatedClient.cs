using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// A client that does everything right, whatever happens to its connections: it keeps its session, sends again what was not acknowledged,
/// and takes a QoS 2 message once. What it wants is left to chance.
/// </summary>
/// <remarks>This part: its wishes and its connections. <c>SimulatedClient.Packets.cs</c>: what it hears and says.</remarks>
internal sealed partial class SimulatedClient
{
    public const ushort TopicAliasMax = 3;

    private const int OutgoingMax = 30;

    private static readonly string[] Topics = ["t/a", "t/b", "t/c/d", "u"];
    private static readonly string[] Filters = ["t/#", "t/a", "t/+", "t/b", "+/c/+", "will/#", "u", "#"];

    private readonly World _world;
    private readonly ClientProfile _profile;
    private readonly ApplicationChecker _application;
    private Wire? _wire;
    private bool _isConnected;
    private bool _startsClean;
    private bool _isEnding;

    // Whether the broker's half of the session ends with the connection, or may end soon after it.
    private bool _endsWithConnection;
    private bool _endsSoon;
    private int _attempts;
    private int _messages;
    private int _connections;
    private long _returnsAt;

    public SimulatedClient(World world, string name, ClientProfile profile)
    {
        _world = world;
        Name = name;
        _profile = profile;
        _application = new ApplicationChecker(name);
        Trace($"{profile.Version}{(profile.IsPersistent ? $" expiry {profile.ExpirySeconds}" : "")} keep alive {profile.KeepAliveSeconds} receive maximum {profile.ReceiveMaximum}");
        world.Agenda.In(world.Chance.Below(1000), Act);
    }

    public string Name { get; }

    public ApplicationChecker Application => _application;

    /// <summary>Whether it wants nothing, owes nothing and waits for nothing.</summary>
    public bool IsAtRest => _isConnected && _outgoing.Count == 0 && _asked.Count == 0 && _wire is { IsCut: false, ToClient.IsEmpty: true, ToServer.IsEmpty: true };

    /// <summary>What it still waits for.</summary>
    public string Wants => $"{Name}{(_isConnected ? "" : " not connected")}: {_outgoing.Count} to publish, {_asked.Count} to be answered, {_wire?.ToClient.Held} bytes on their way";

    public bool IsGone => _isEnding && _wire is null;

    /// <summary>Chance has had its way: it only finishes what it began.</summary>
    public void Settle()
    {
        if (_wire is null)
            Connect();
        else
            _wire.ToClient.Read(true);
    }

    /// <summary>Leaves nothing behind.</summary>
    public void End()
    {
        _isEnding = true;
        Trace("comes to leave nothing behind");
        Close();
        StartClean();
        Connect();
    }

    private void Act()
    {
        if (_world.IsCalm)
            return;
        _world.Agenda.In(_world.Chance.Around(_world.Scenario.ActEveryMilliseconds), Act);
        if (_wire is null)
        {
            if (_world.Agenda.Now >= _returnsAt)
                Connect();
        }
        else if (_isConnected)
        {
            Wish();
        }
    }

    private void Wish()
    {
        int wish = _world.Chance.Below((_profile.Publishes * 10) + (_profile.Subscribes * 4) + (_profile.Leaves * 2) + 2);
        if (wish < _profile.Publishes * 10)
            Publish();
        else if ((wish -= _profile.Publishes * 10) < _profile.Subscribes * 4)
            ChangeSubscription();
        else if (wish - (_profile.Subscribes * 4) < _profile.Leaves * 2)
            Leave();
        else if (_world.Scenario.UsesSlowReaders)
            StopReading();
    }

    private void Publish()
    {
        Chance chance = _world.Chance;
        var qos = (QoS)chance.Of(0, 1, 1, 2, 2);
        bool isJob = _world.Scenario.UsesShared && chance.Percent(40);
        bool retain = !isJob && _world.Scenario.UsesRetain && chance.Percent(30);
        bool clears = retain && chance.Percent(30);
        string topic = isJob ? "job/" + chance.Of("x", "y") : chance.Of(Topics);
        if (isJob && qos == QoS.AtMostOnce)
            qos = QoS.AtLeastOnce;
        string name = $"{Name}#{++_messages}{(retain ? "r" : "")}";
        int size = _world.Scenario.UsesLargePayloads && chance.Percent(10) ? chance.Between(3000, 9000) : chance.Below(60);
        string payload = clears ? "" : name + " " + new string('.', size);
        uint? expiry = _profile.Version == ProtocolVersion.Mqtt50 && _world.Scenario.UsesExpiry && !retain && chance.Percent(30) ? (uint)chance.Between(1, 3) : null;
        Publication publication = Publication.Of(topic, payload, qos, retain, Name);
        if (qos == QoS.AtMostOnce)
            Send(PacketOf(publication, payload, 0, false, expiry));
        else if (_outgoing.Count < OutgoingMax)
            Enqueue(publication, payload, expiry);
    }

    private void ChangeSubscription()
    {
        if (_asked.Count > 5)
            return;
        Chance chance = _world.Chance;
        bool five = _profile.Version == ProtocolVersion.Mqtt50;
        bool isShared = _profile.UsesShared && chance.Percent(50);
        string filter = isShared ? "$share/workers/job/#" : chance.Of(Filters);
        if (filter == "#" && (_world.Scenario.UsesShared || chance.Percent(70)))
            filter = "t/#";
        if (chance.Percent(25))
        {
            Unsubscribe(filter);
            return;
        }

        int bits = isShared ? chance.Between(1, 2) : chance.Below(3);
        if (five && !isShared)
            bits |= (chance.Percent(20) ? 0x04 : 0) | (chance.Percent(30) ? 0x08 : 0) | (chance.Below(3) << 4);
        Subscribe(filter, new SubscriptionOptions((byte)bits), five ? (uint)chance.Below(4) : 0);
    }

    private void StopReading()
    {
        Wire wire = _wire!;
        Trace("stops reading");
        wire.ToClient.Read(false);
        _world.Agenda.In(_world.Chance.Between(50, 2000), () => wire.ToClient.Read(true));
    }

    private void Leave()
    {
        Chance chance = _world.Chance;
        _returnsAt = _world.Agenda.Now + (chance.Percent(_profile.StaysAwayPercent) ? chance.Around(4000) : chance.Below(50));
        switch (chance.Below(4))
        {
            case 0:
                // Comes back by another connection while the broker still believes in this one.
                Trace("forgets its connection");
                _wire!.Cut(0, chance.Between(1000, 20_000));
                Forget();
                Connect();
                break;
            case 1:
                Trace("closes without a word");
                Close();
                break;
            default:
                Say(goodbye: chance.Percent(80) ? ReasonCode.Success : ReasonCode.DisconnectWithWillMessage);
                Close();
                break;
        }
    }

    private void Say(ReasonCode goodbye)
    {
        uint? expiry = _profile is { Version: ProtocolVersion.Mqtt50, IsPersistent: true } && _world.Chance.Percent(25) ? _world.Chance.Of(0u, 3u, 3000u) : null;
        Send(new DisconnectPacket { Reason = _profile.Version == ProtocolVersion.Mqtt50 ? goodbye : ReasonCode.Success, SessionExpirySeconds = expiry });
        _endsSoon |= expiry == 3;
        if (expiry == 0)
            StartClean();
    }

    /// <summary>It wants nothing to do with the session that it had.</summary>
    private void StartClean()
    {
        _startsClean = true;
        ForgetSession();
    }

    private void Connect()
    {
        if (_wire is not null && !_wire.IsCut)
            return;
        Chance chance = _world.Chance;
        // After an attempt without an answer nobody can tell a session that was resumed from one that had ended and began anew.
        bool isUncertain = _attempts > 0 && _endsSoon;
        if (!_profile.IsPersistent || isUncertain || (!_world.IsCalm && chance.Percent(8)))
            StartClean();
        _attempts++;
        var wire = new Wire(_world, Name);
        _wire = wire;
        _isConnected = false;
        _unread.Clear();
        _aliases.Clear();
        wire.ToClient.Received = bytes =>
        {
            if (ReferenceEquals(_wire, wire))
                Receive(bytes);
        };
        wire.ClientLost = () => OnLost(wire);
        wire.ToServer.Read(false);
        SendConnect();
        _world.Agenda.In(_world.Latency(), () =>
        {
            if (!wire.IsCut)
                _world.Server.Accept(wire);
            wire.ToServer.Read(true);
        });
        _world.Connected(wire);
        _world.Agenda.In(8000, () =>
        {
            if (ReferenceEquals(_wire, wire) && !_isConnected)
                GiveUp();
        });
        KeepAlive(wire);
    }

    private void SendConnect()
    {
        Chance chance = _world.Chance;
        bool five = _profile.Version == ProtocolVersion.Mqtt50;
        bool hasWill = !_isEnding && _world.Scenario.UsesWills && chance.Percent(60);
        bool retains = hasWill && _world.Scenario.UsesRetain && chance.Percent(30);
        string will = hasWill ? $"{Name}!{++_connections}{(retains ? "r" : "")}" : "";
        Send(new ConnectPacket
        {
            Version = _profile.Version,
            ClientId = Encoding.UTF8.GetBytes(Name),
            CleanStart = _startsClean,
            KeepAliveSeconds = _profile.KeepAliveSeconds,
            SessionExpirySeconds = five && _profile.ExpirySeconds != 0 && !_isEnding ? _profile.ExpirySeconds : null,
            // Less than before, perhaps, and less than is in flight.
            ReceiveMaximum = five && chance.Percent(30) ? (ushort)1 : _profile.ReceiveMaximum,
            MaximumPacketSize = _profile.PacketSizeMax,
            TopicAliasMaximum = _profile.TopicAliasMaximum,
            HasWill = hasWill,
            WillTopic = Encoding.UTF8.GetBytes($"will/{Name}"),
            WillPayload = Encoding.UTF8.GetBytes(will),
            WillQoS = hasWill ? (QoS)chance.Below(3) : QoS.AtMostOnce,
            WillRetain = retains,
            WillDelaySeconds = hasWill && five ? chance.Of(0u, 0u, 1u, 4u) : 0,
        });
    }

    private void KeepAlive(Wire wire)
    {
        if (_profile.KeepAliveSeconds == 0)
            return;
        _world.Agenda.In(_profile.KeepAliveSeconds * 500, () =>
        {
            if (!ReferenceEquals(_wire, wire))
                return;
            if (_isConnected)
                Send(new PingPacket(PacketType.PingReq));
            KeepAlive(wire);
        });
    }

    private void Close()
    {
        Wire? wire = _wire;
        Forget();
        wire?.ClientCloses();
    }

    /// <summary>There is no connection any more, and perhaps no session.</summary>
    private void Forget()
    {
        _wire = null;
        if (_isConnected && _endsWithConnection)
        {
            ForgetSession();
            _application.SessionEnded();
        }

        _isConnected = false;
    }

    private void GiveUp()
    {
        Trace("gives up");
        Close();
        if (_world.IsCalm)
            _world.Agenda.In(100, Settle);
    }

    private void OnLost(Wire wire)
    {
        if (!ReferenceEquals(_wire, wire))
            return;
        Trace("lost its connection");
        Forget();
        if (!_world.IsCalm)
            _returnsAt = _world.Agenda.Now + _world.Chance.Below(100) + (_world.Chance.Percent(20) ? _world.Chance.Around(3000) : 0);
        else
            _world.Agenda.In(100, Settle);
    }

    private void Trace(string what) => _world.Trace.Add($"{Name}: {what}");
}
