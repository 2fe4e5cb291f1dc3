using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests.Bench;

internal enum BrokerFault
{
    None,
    Loses,
    Duplicates,
    Reorders,
    Misroutes,
    Disconnects,
    Refuses,
}

/// <summary>Hands every message of QoS 0 to every subscriber, and treats each hundredth wrongly.</summary>
internal sealed class FaultyBroker : IAsyncDisposable
{
    private const int Often = 100;

    private readonly BrokerFault _fault;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Lock _lock = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<Socket> _subscribers = [];
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;
    private byte[]? _held;
    private int _count;

    public FaultyBroker(BrokerFault fault)
    {
        _fault = fault;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        _accepting = AcceptAsync();
    }

    public string Port { get; }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        lock (_lock)
            _sockets.ForEach(s => s.Dispose());
        await Task.WhenAll(_connections);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener.AcceptSocketAsync();
                lock (_lock)
                    _sockets.Add(socket);
                _connections.Add(Task.Run(() => ServeAsync(socket)));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        byte[] buffer = new byte[64 * 1024];
        int filled = 0;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(filled)) is > 0 and int count)
            {
                filled += count;
                int consumed = HandleAll(socket, buffer.AsSpan(0, filled));
                buffer.AsSpan(consumed, filled - consumed).CopyTo(buffer);
                filled -= consumed;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side has gone, or the test is over.
        }
    }

    private int HandleAll(Socket socket, ReadOnlySpan<byte> bytes)
    {
        int consumed = 0;
        while (FrameReader.TryRead(bytes[consumed..], uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            ReadOnlySpan<byte> packet = bytes.Slice(consumed, length);
            lock (_lock)
                Handle(socket, frame, packet);
            consumed += length;
        }

        return consumed;
    }

    private void Handle(Socket socket, in Frame frame, ReadOnlySpan<byte> packet)
    {
        switch (frame.Type)
        {
            case PacketType.Connect:
                socket.Send(_fault == BrokerFault.Refuses ? [0x20, 0x03, 0x00, (byte)ReasonCode.NotAuthorized, 0x00] : [0x20, 0x03, 0x00, 0x00, 0x00]);
                break;
            case PacketType.Subscribe:
                _subscribers.Add(socket);
                socket.Send([0x90, 0x04, frame.Body[0], frame.Body[1], 0x00, 0x00]);
                break;
            case PacketType.Publish:
                Route(packet.ToArray());
                break;
        }
    }

    private void Route(byte[] packet)
    {
        bool isWrong = ++_count % Often == 0;
        switch (isWrong ? _fault : BrokerFault.None)
        {
            case BrokerFault.Loses:
                return;
            case BrokerFault.Duplicates:
                Send(packet);
                Send(packet);
                return;
            case BrokerFault.Reorders:
                _held = packet;
                return;
            case BrokerFault.Misroutes:
                // The publisher's number is in the last bytes of the stamp.
                packet[^1] ^= 1;
                Send(packet);
                return;
            case BrokerFault.Disconnects:
                _subscribers.ForEach(s => s.Send([0xE0, 0x01, (byte)ReasonCode.ServerShuttingDown]));
                return;
        }

        Send(packet);
        if (_held is { } late)
            Send(late);
        _held = null;
    }

    private void Send(byte[] packet) => _subscribers.ForEach(s => s.Send(packet));
}
