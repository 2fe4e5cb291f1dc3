using System.Net.Sockets;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

/// <summary>A client that says exactly the bytes that the test wants, over a real socket.</summary>
internal sealed class WireClient(Socket socket) : IAsyncDisposable
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    public ProtocolVersion Version { get; set; } = ProtocolVersion.Mqtt50;

    public Socket Socket => socket;

    public static byte[] Encode<TPacket>(in TPacket packet, ProtocolVersion version)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(version)];
        packet.Write(bytes, version);
        return bytes;
    }

    public static byte[] ConnectBytes(string clientId, ProtocolVersion version, ushort keepAliveSeconds = 0, string? will = null) => Encode(
        new ConnectPacket
        {
            Version = version,
            ClientId = Encoding.UTF8.GetBytes(clientId),
            CleanStart = true,
            KeepAliveSeconds = keepAliveSeconds,
            HasWill = will is not null,
            WillTopic = Encoding.UTF8.GetBytes(will ?? ""),
            WillPayload = "gone"u8,
        },
        version);

    public static byte[] PublishBytes(string topic, ReadOnlySpan<byte> payload, ProtocolVersion version, QoS qos = QoS.AtMostOnce, ushort packetId = 0) =>
        Encode(new PublishPacket { Topic = Encoding.UTF8.GetBytes(topic), Payload = payload, QoS = qos, PacketId = packetId }, version);

    public static byte[] SubscribeBytes(string filter, ProtocolVersion version, QoS qos = QoS.AtMostOnce)
    {
        byte[] text = Encoding.UTF8.GetBytes(filter);
        byte[] encoded = [(byte)(text.Length >> 8), (byte)text.Length, .. text, (byte)qos];
        return Encode(new SubscribePacket { PacketId = 1, EncodedFilters = encoded }, version);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes).AsTask().WaitAsync(WiredBroker.Bound)..];
    }

    public async Task<Seen> ConnectAsync(string clientId, ProtocolVersion version = ProtocolVersion.Mqtt50, ushort keepAliveSeconds = 0, string? will = null)
    {
        Version = version;
        await SendAsync(ConnectBytes(clientId, version, keepAliveSeconds, will));
        var answer = await ReadAsync();
        Assert.Equal(PacketType.ConnAck, answer.Type);
        Assert.Equal(ReasonCode.Success, answer.Reason);
        return answer;
    }

    public async Task SubscribeAsync(string filter, QoS qos = QoS.AtMostOnce)
    {
        await SendAsync(SubscribeBytes(filter, Version, qos));
        Assert.Equal(PacketType.SubAck, (await ReadAsync()).Type);
    }

    public Task PublishAsync(string topic, string payload, QoS qos = QoS.AtMostOnce, ushort packetId = 0) =>
        SendAsync(PublishBytes(topic, Encoding.UTF8.GetBytes(payload), Version, qos, packetId));

    /// <summary>PINGREQ and its answer: everything sent before has been processed.</summary>
    public async Task PingAsync()
    {
        await SendAsync(PingPacket.Request.ToArray());
        Assert.Equal(PacketType.PingResp, (await ReadAsync()).Type);
    }

    public async Task<Seen> ReadAsync() => await TryReadAsync() ?? throw new EndOfStreamException("the broker closed the connection");

    /// <summary>The next packet, or null when the broker has closed its side.</summary>
    public async Task<Seen?> TryReadAsync()
    {
        while (true)
        {
            if (TryCut(out var seen, out int length))
                return seen;
            MakeRoom(length);
            int count = await socket.ReceiveAsync(_buffer.AsMemory(_end)).AsTask().WaitAsync(WiredBroker.Bound);
            if (count == 0)
            {
                Assert.Equal(_start, _end);
                return null;
            }

            _end += count;
        }
    }

    /// <summary>Reads to the end of the connection; it must not be a reset.</summary>
    public async Task<List<Seen>> ReadToEndAsync()
    {
        var all = new List<Seen>();
        while (await TryReadAsync() is { } seen)
            all.Add(seen);
        return all;
    }

    /// <summary>Reads until the connection is gone, one way or the other.</summary>
    public async Task ReadUntilGoneAsync()
    {
        try
        {
            while (await socket.ReceiveAsync(_buffer.AsMemory()).AsTask().WaitAsync(WiredBroker.Bound) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: gone as well.
        }
    }

    /// <summary>Ends the connection with a TCP reset.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool TryCut(out Seen? seen, out int length)
    {
        seen = null;
        var status = FrameReader.TryRead(_buffer.AsSpan(_start, _end - _start), uint.MaxValue, out var frame, out length, out var violation);
        Assert.True(status != FrameStatus.Malformed, violation.Detail);
        if (status == FrameStatus.NeedMore)
            return false;
        seen = Seen.From(frame, Version);
        _start += length;
        return true;
    }

    private void MakeRoom(int frameLength)
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        if (_buffer.Length < Math.Max(frameLength, _end + 1))
            Array.Resize(ref _buffer, Math.Max(frameLength, _buffer.Length * 2));
    }
}
