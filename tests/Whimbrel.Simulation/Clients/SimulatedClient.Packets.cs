using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>What the client hears and says, and the session that it keeps.</summary>
internal sealed partial class SimulatedClient
{
    private readonly List<byte> _unread = [];
    private readonly Dictionary<ushort, string> _aliases = [];

    // Its session: messages to publish in order, and QoS 2 messages that it has and that are not released.
    private readonly List<Outgoing> _outgoing = [];
    private readonly Dictionary<ushort, string> _received = [];

    // SUBSCRIBE and UNSUBSCRIBE packets without an answer on this connection.
    private readonly HashSet<ushort> _asked = [];
    private ushort _lastPacketId;
    private int _quota;

    private void Enqueue(Publication publication, string payload, uint? expiry)
    {
        _outgoing.Add(new Outgoing(NextPacketId(), publication, payload, expiry));
        SendOutgoing();
    }

    private void Subscribe(string filter, SubscriptionOptions options, uint id)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter);
        ushort packetId = NextPacketId();
        _asked.Add(packetId);
        Send(new SubscribePacket { PacketId = packetId, SubscriptionIdentifier = id, EncodedFilters = (byte[])[0, (byte)utf8.Length, .. utf8, options.Bits] });
    }

    private void Unsubscribe(string filter)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter);
        ushort packetId = NextPacketId();
        _asked.Add(packetId);
        Send(new UnsubscribePacket { PacketId = packetId, EncodedFilters = (byte[])[0, (byte)utf8.Length, .. utf8] });
    }

    private ushort NextPacketId()
    {
        do
            _lastPacketId = _lastPacketId == 40 ? (ushort)1 : (ushort)(_lastPacketId + 1);
        while (_asked.Contains(_lastPacketId) || _outgoing.Exists(outgoing => outgoing.PacketId == _lastPacketId));
        return _lastPacketId;
    }

    /// <summary>Sends what may be sent, in order: PUBREL where PUBREC has come, else PUBLISH as far as the broker's Receive Maximum allows.</summary>
    private void SendOutgoing()
    {
        foreach (Outgoing outgoing in _outgoing.ToArray())
        {
            if (outgoing.IsSent || !_isConnected)
                continue;
            if (outgoing.IsReceived)
            {
                outgoing.IsSent = true;
                Send(new AckPacket { Type = PacketType.PubRel, PacketId = outgoing.PacketId });
                continue;
            }

            if (_outgoing.Count(other => other.IsSent) >= _quota)
                return;
            outgoing.IsSent = true;
            Send(PacketOf(outgoing.Publication, outgoing.Payload, outgoing.PacketId, outgoing.WasSent, outgoing.ExpirySeconds));
            outgoing.WasSent = true;
        }
    }

    private static PublishPacket PacketOf(Publication publication, string payload, ushort packetId, bool duplicate, uint? expiry) => new()
    {
        Topic = Encoding.UTF8.GetBytes(publication.Topic),
        Payload = Encoding.UTF8.GetBytes(payload),
        QoS = publication.QoS,
        Retain = publication.Retain,
        PacketId = packetId,
        Duplicate = duplicate,
        HasMessageExpiry = expiry is not null,
        MessageExpirySeconds = expiry ?? 0,
    };

    private void Send<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(_profile.Version)];
        packet.Write(bytes, _profile.Version);
        _wire?.ToServer.Send(bytes);
    }

    private void Receive(byte[] bytes)
    {
        Wire? wire = _wire;
        _unread.AddRange(bytes);
        while (ReferenceEquals(_wire, wire) && FrameReader.TryRead(CollectionsMarshal.AsSpan(_unread), uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            Seen seen = Seen.From(frame, _profile.Version);
            _unread.RemoveRange(0, length);
            OnPacket(seen);
        }
    }

    private void OnPacket(Seen seen)
    {
        switch (seen.Type)
        {
            case PacketType.ConnAck:
                OnConnAck(seen);
                break;
            case PacketType.Publish:
                OnPublish(seen);
                break;
            case PacketType.PubAck:
                _outgoing.RemoveAll(outgoing => outgoing.PacketId == seen.PacketId && outgoing.QoS == QoS.AtLeastOnce);
                break;
            case PacketType.PubRec:
                OnPubRec(seen);
                break;
            case PacketType.PubRel:
                _received.Remove(seen.PacketId);
                Send(new AckPacket { Type = PacketType.PubComp, PacketId = seen.PacketId });
                break;
            case PacketType.PubComp:
                _outgoing.RemoveAll(outgoing => outgoing.PacketId == seen.PacketId && outgoing.IsReceived);
                break;
            case PacketType.SubAck or PacketType.UnsubAck:
                _asked.Remove(seen.PacketId);
                break;
            case PacketType.Disconnect:
                Trace($"is told {seen.Reason}");
                break;
            default:
                break;
        }

        SendOutgoing();
    }

    private void OnConnAck(Seen connAck)
    {
        if (connAck.ReturnCode != ConnectReturnCode.Accepted || connAck.Reason != ReasonCode.Success)
        {
            _returnsAt = _world.Agenda.Now + _world.Chance.Between(100, 1000);
            GiveUp();
            return;
        }

        _isConnected = true;
        _attempts = 0;
        _endsWithConnection = _profile.ExpirySeconds == 0 || (_startsClean && _profile.Version != ProtocolVersion.Mqtt50);
        _endsSoon = _profile.ExpirySeconds < 100;
        _startsClean = false;
        _quota = connAck.ReceiveMaximum ?? ushort.MaxValue;
        _asked.Clear();
        if (!connAck.SessionPresent)
            ForgetSession();
        foreach (Outgoing outgoing in _outgoing)
            outgoing.IsSent = false;
        if (_isEnding)
        {
            Send(new DisconnectPacket());
            Close();
        }
    }

    /// <summary>Without the broker's half of the session its own is worth nothing: what was sent may or may not have been taken.</summary>
    private void ForgetSession()
    {
        _received.Clear();
        _outgoing.RemoveAll(outgoing => outgoing.WasSent);
    }

    private void OnPubRec(Seen seen)
    {
        Outgoing? outgoing = _outgoing.Find(outgoing => outgoing.PacketId == seen.PacketId && outgoing.QoS == QoS.ExactlyOnce);
        if (ReasonCodes.IsError(seen.Reason))
        {
            if (outgoing is { IsReceived: false })
                _outgoing.Remove(outgoing);
            return;
        }

        if (outgoing is not null)
            outgoing.IsReceived = true;
        Send(new AckPacket { Type = PacketType.PubRel, PacketId = seen.PacketId });
    }

    private void OnPublish(Seen publish)
    {
        string topic = publish.Topic;
        if (publish.TopicAlias != 0 && topic.Length > 0)
            _aliases[publish.TopicAlias] = topic;
        else if (publish.TopicAlias != 0)
            topic = _aliases[publish.TopicAlias];
        string name = Publication.NameOf(topic, publish.Payload);
        bool mayRepeat = publish.Payload.Length == 0 || name.EndsWith('r');
        if (publish.QoS != QoS.ExactlyOnce)
        {
            _application.Deliver(name, publish.QoS, mayRepeat);
            if (publish.QoS == QoS.AtLeastOnce)
                Send(new AckPacket { Type = PacketType.PubAck, PacketId = publish.PacketId });
            return;
        }

        if (!_received.TryGetValue(publish.PacketId, out string? known))
        {
            _received.Add(publish.PacketId, name);
            _application.Deliver(name, publish.QoS, mayRepeat);
        }
        else if (known != name)
        {
            throw new ViolationException("packet identifier", $"{publish.PacketId} at {Name} means {known} and {name}");
        }
        else if (!publish.Duplicate)
        {
            throw new ViolationException("DUP", $"{name} came to {Name} again without DUP");
        }

        Send(new AckPacket { Type = PacketType.PubRec, PacketId = publish.PacketId });
    }
}
