using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Bench.Durability;

/// <summary>A blocking client that spends as little as it can, so that what is measured is the broker.</summary>
internal sealed class BenchClient : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _input = new byte[256 * 1024];
    private byte[] _output = new byte[256 * 1024];
    private int _begin;
    private int _end;
    private int _pending;

    private BenchClient(Socket socket) => _socket = socket;

    public bool SessionPresent { get; private set; }

    public static BenchClient Connect(int port, string clientId, bool clean)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect("127.0.0.1", port);
        var client = new BenchClient(socket);
        client.Write(new ConnectPacket
        {
            Version = ProtocolVersion.Mqtt50,
            ClientId = Encoding.UTF8.GetBytes(clientId),
            CleanStart = clean,
            SessionExpirySeconds = clean ? null : 1_000_000,
        });
        client.Flush();
        Frame frame = client.Read();
        if (!ConnAckPacket.TryParse(frame, ProtocolVersion.Mqtt50, out ConnAckPacket ack, out _) || ack.Reason != ReasonCode.Success)
            throw new InvalidOperationException($"the broker refused '{clientId}': {ack.Reason}");
        client.SessionPresent = ack.SessionPresent;
        return client;
    }

    public void Subscribe(string filter)
    {
        byte[] text = Encoding.UTF8.GetBytes(filter);
        Write(new SubscribePacket { PacketId = 1, EncodedFilters = [(byte)(text.Length >> 8), (byte)text.Length, .. text, 1] });
        Flush();
        while (Read().Type != PacketType.SubAck)
        {
        }
    }

    /// <summary>Publishes with QoS 1, so many in flight, until told to stop; gives the microseconds from sending to acknowledgement.</summary>
    public List<long> PublishWindow(Func<int, byte[]> topicOf, byte[] payload, int window, Func<int, bool> goesOn, bool retain = false)
    {
        var took = new List<long>();
        var sentAt = new long[ushort.MaxValue + 1];
        int sent = 0;
        int acknowledged = 0;
        while (true)
        {
            for (; sent - acknowledged < window && goesOn(sent); sent++)
            {
                ushort id = (ushort)((sent % 60_000) + 1);
                sentAt[id] = Stopwatch.GetTimestamp();
                Write(new PublishPacket { QoS = QoS.AtLeastOnce, PacketId = id, Topic = topicOf(sent), Payload = payload, Retain = retain });
            }

            Flush();
            if (sent == acknowledged)
                return took;
            do
            {
                Frame frame = Read();
                if (frame.Type != PacketType.PubAck)
                    continue;
                AckPacket.TryParse(frame, ProtocolVersion.Mqtt50, out AckPacket ack, out _);
                if (ReasonCodes.IsError(ack.Reason))
                    throw new InvalidOperationException($"a publish was refused: {ack.Reason}");
                took.Add((long)Stopwatch.GetElapsedTime(sentAt[ack.PacketId]).TotalMicroseconds);
                acknowledged++;
            }
            while (HasFrame && acknowledged < sent);
        }
    }

    /// <summary>Receives so many messages and acknowledges each.</summary>
    public void Drain(int count)
    {
        for (int received = 0; received < count;)
        {
            Frame frame = Read();
            if (frame.Type != PacketType.Publish)
                continue;
            received++;
            PublishPacket.TryParse(frame, ProtocolVersion.Mqtt50, out PublishPacket packet, out _);
            if (packet.QoS != QoS.AtMostOnce)
                Write(new AckPacket { Type = PacketType.PubAck, PacketId = packet.PacketId });
            if (!HasFrame)
                Flush();
        }

        Flush();
    }

    public void Disconnect()
    {
        Write(new DisconnectPacket());
        Flush();
    }

    public void Dispose() => _socket.Dispose();

    private bool HasFrame => FrameReader.TryRead(_input.AsSpan(_begin, _end - _begin), uint.MaxValue, out _, out _, out _) == FrameStatus.Complete;

    private void Write<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        int length = packet.Measure(ProtocolVersion.Mqtt50);
        if (_pending + length > _output.Length)
            Flush();
        if (length > _output.Length)
            _output = new byte[length];
        packet.Write(_output.AsSpan(_pending), ProtocolVersion.Mqtt50);
        _pending += length;
    }

    private void Flush()
    {
        for (int at = 0; at < _pending;)
            at += _socket.Send(_output.AsSpan(at, _pending - at));
        _pending = 0;
    }

    private Frame Read()
    {
        while (true)
        {
            FrameStatus status = FrameReader.TryRead(_input.AsSpan(_begin, _end - _begin), uint.MaxValue, out Frame frame, out int length, out _);
            if (status == FrameStatus.Complete)
            {
                _begin += length;
                return frame;
            }

            if (_begin > 0)
            {
                _input.AsSpan(_begin, _end - _begin).CopyTo(_input);
                _end -= _begin;
                _begin = 0;
            }

            int got = _socket.Receive(_input.AsSpan(_end));
            if (got == 0)
                throw new InvalidOperationException("the broker closed the connection");
            _end += got;
        }
    }
}
