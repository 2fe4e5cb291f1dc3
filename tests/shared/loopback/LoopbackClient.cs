using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Tests;

/// <summary>
/// A client and its link in one: what the broker sends stands in an array that is used again and again, and what the protocol asks for
/// is answered from there. It allocates nothing once it has grown, so that what is measured is the broker.
/// </summary>
internal sealed class LoopbackClient : Link
{
    private readonly LoopbackBroker _broker;
    private readonly Connection _connection;
    private readonly ProtocolVersion _version;
    private byte[] _output = new byte[4096];
    private byte[] _answers = new byte[4096];
    private int _length;

    public LoopbackClient(LoopbackBroker broker, string clientId, ProtocolVersion version)
    {
        _broker = broker;
        _version = version;
        _connection = broker.Accept(this);
        Say(new ConnectPacket { Version = version, CleanStart = true, ClientId = Encoding.UTF8.GetBytes(clientId) });
    }

    public override string Peer => "loopback";

    public override string Listener => "mqtt://loopback";

    public override int PendingBytes => _length;

    /// <summary>Application messages that have arrived.</summary>
    public long Received { get; private set; }

    /// <summary>Acknowledgements of own messages that are complete: PUBACK and PUBCOMP.</summary>
    public long Acknowledged { get; private set; }

    public override Span<byte> Reserve(int size)
    {
        if (_output.Length - _length < size)
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _length + size));
        return _output.AsSpan(_length, size);
    }

    public override void Commit(int count) => _length += count;

    public override void SendShared(ReadOnlyMemory<byte> bytes)
    {
        bytes.Span.CopyTo(Reserve(bytes.Length));
        Commit(bytes.Length);
    }

    public override void Flush()
    {
    }

    public override void Close() => throw new InvalidOperationException("the broker has closed a loopback connection");

    public override void Wake()
    {
    }

    public override void WakeWhenDrained()
    {
    }

    public void Subscribe(string filter, QoS qos)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter);
        byte[] encoded = [(byte)(utf8.Length >> 8), (byte)utf8.Length, .. utf8, (byte)qos];
        Say(new SubscribePacket { PacketId = 1, EncodedFilters = encoded });
    }

    /// <summary>Whole packets that go to the broker in one turn, as one read brings them.</summary>
    public void Send(ReadOnlySpan<byte> packets) => _broker.Receive(_connection, packets);

    /// <summary>The bytes of <paramref name="count"/> PUBLISH packets with identifiers of their own, to be sent together again and again.</summary>
    public byte[] Encode(int count, string topic, int payloadLength, QoS qos, bool retain = false)
    {
        var bytes = new List<byte>();
        for (ushort id = 1; id <= count; id++)
        {
            var packet = new PublishPacket
            {
                Topic = Encoding.UTF8.GetBytes(topic),
                Payload = new byte[payloadLength],
                QoS = qos,
                Retain = retain,
                PacketId = qos == QoS.AtMostOnce ? (ushort)0 : id,
            };
            byte[] one = new byte[packet.Measure(_version)];
            packet.Write(one, _version);
            bytes.AddRange(one);
        }

        return [.. bytes];
    }

    /// <summary>Reads what has come and answers it as the protocol demands.</summary>
    /// <returns>False when there was nothing.</returns>
    public bool Settle()
    {
        if (_length == 0)
            return false;
        int answered = 0;
        ReadOnlySpan<byte> rest = _output.AsSpan(0, _length);
        while (FrameReader.TryRead(rest, uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            answered += Answer(frame, answered);
            rest = rest[length..];
        }

        if (rest.Length > 0)
            throw new InvalidOperationException("the broker has sent bytes that are no packet");
        _length = 0;
        if (answered > 0)
            Send(_answers.AsSpan(0, answered));
        return true;
    }

    private int Answer(in Frame frame, int offset)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                if (!PublishPacket.TryParse(frame, _version, out PublishPacket publish, out _))
                    throw new InvalidOperationException("the broker has sent a PUBLISH that is none");
                Received++;
                return publish.QoS switch
                {
                    QoS.AtLeastOnce => Write(PacketType.PubAck, publish.PacketId, offset),
                    QoS.ExactlyOnce => Write(PacketType.PubRec, publish.PacketId, offset),
                    _ => 0,
                };
            case PacketType.PubRec:
                return Write(PacketType.PubRel, IdOf(frame), offset);
            case PacketType.PubRel:
                return Write(PacketType.PubComp, IdOf(frame), offset);
            case PacketType.PubAck or PacketType.PubComp:
                Acknowledged++;
                return 0;
            default:
                return 0;
        }
    }

    private ushort IdOf(in Frame frame) =>
        AckPacket.TryParse(frame, _version, out AckPacket ack, out _) ? ack.PacketId : throw new InvalidOperationException("an acknowledgement that is none");

    private int Write(PacketType type, ushort packetId, int offset)
    {
        var packet = new AckPacket { Type = type, PacketId = packetId };
        int length = packet.Measure(_version);
        if (_answers.Length - offset < length)
            Array.Resize(ref _answers, _answers.Length * 2);
        return packet.Write(_answers.AsSpan(offset, length), _version);
    }

    private void Say<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(_version)];
        packet.Write(bytes, _version);
        Send(bytes);
        _broker.Settle();
    }
}
