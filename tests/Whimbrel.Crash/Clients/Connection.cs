using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>What a client's loop is woken by.</summary>
/// <param name="From">The connection that it came from; null for a tick.</param>
/// <param name="Packet">A packet, or null: then the connection has ended.</param>
/// <param name="Fault">Why it ended, if the broker sent what does not parse.</param>
internal readonly record struct Input(Connection? From, Seen? Packet, string? Fault);

/// <summary>One TCP connection. Packets are gathered and leave together; what arrives goes to the client's inbox.</summary>
internal sealed class Connection : IDisposable
{
    private readonly Socket _socket;
    private readonly List<byte> _gathered = [];
    private readonly Task _reading;

    private Connection(Socket socket, ProtocolVersion version, ChannelWriter<Input> inbox)
    {
        _socket = socket;
        Version = version;
        _reading = Task.Run(() => ReadAsync(inbox));
    }

    public ProtocolVersion Version { get; }

    /// <summary>Null when nobody listens.</summary>
    public static async Task<Connection?> OpenAsync(int port, ProtocolVersion version, ChannelWriter<Input> inbox)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            return new Connection(socket, version, inbox);
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }

    public void Gather<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(Version)];
        packet.Write(bytes, Version);
        _gathered.AddRange(bytes);
    }

    /// <summary>Sends what was gathered. A connection that has ended takes it without a word; the end comes through the inbox.</summary>
    /// <param name="without">Bytes at the end that stay behind: a packet that is torn.</param>
    public async Task SendAsync(int without = 0)
    {
        if (_gathered.Count == 0)
            return;
        byte[] bytes = [.. _gathered.Take(_gathered.Count - without)];
        _gathered.Clear();
        try
        {
            for (int sent = 0; sent < bytes.Length;)
                sent += await _socket.SendAsync(bytes.AsMemory(sent));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    /// <summary>Ends without DISCONNECT.</summary>
    /// <param name="reset">Drop what is unsent and unread and say RST, instead of FIN behind what was sent.</param>
    public void Cut(bool reset)
    {
        try
        {
            if (!reset)
                _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other side was first.
        }

        _socket.Close(0);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _reading.GetAwaiter().GetResult();
    }

    private async Task ReadAsync(ChannelWriter<Input> inbox)
    {
        byte[] buffer = new byte[64 * 1024];
        int kept = 0;
        string? fault = null;
        try
        {
            while (fault is null && await _socket.ReceiveAsync(buffer.AsMemory(kept)) is int count and > 0)
            {
                kept += count;
                kept = Cut(buffer.AsSpan(0, kept), inbox, ref fault);
                if (kept == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 2);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }

        inbox.TryWrite(new Input(this, null, fault));
    }

    /// <summary>Hands on the whole packets and moves the rest to the front; returns how much that is.</summary>
    private int Cut(Span<byte> bytes, ChannelWriter<Input> inbox, ref string? fault)
    {
        int done = 0;
        while (fault is null)
        {
            FrameStatus status = FrameReader.TryRead(bytes[done..], uint.MaxValue, out Frame frame, out int length, out Violation violation);
            if (status == FrameStatus.NeedMore)
                break;
            if (status == FrameStatus.Malformed)
            {
                fault = violation.Detail;
                break;
            }

            try
            {
                inbox.TryWrite(new Input(this, Seen.From(frame, Version), null));
            }
            catch (Xunit.Sdk.XunitException e)
            {
                fault = e.Message;
            }

            done += length;
        }

        bytes[done..].CopyTo(bytes);
        return bytes.Length - done;
    }
}
