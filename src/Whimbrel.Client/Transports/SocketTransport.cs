using System.Net;
using System.Net.Sockets;

namespace Whimbrel.Client.Transports;

/// <summary>Plain TCP, and unix sockets.</summary>
internal sealed class SocketTransport(Socket socket) : ITransport
{
    /// <summary>A host's addresses are tried in turn, or its unix socket.</summary>
    public static async ValueTask<Socket> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        Socket socket = endPoint is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : endPoint is IPEndPoint ip
                ? new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
                : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => socket.ReceiveAsync(buffer, SocketFlags.None, CancellationToken.None);

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        // The socket sends all of it.
        ValueTask<int> sending = socket.SendAsync(bytes, SocketFlags.None, CancellationToken.None);
        if (!sending.IsCompletedSuccessfully)
            return WaitAsync(sending, bytes.Length);
        return sending.Result == bytes.Length ? default : throw new SocketException((int)SocketError.ConnectionReset);

        static async ValueTask WaitAsync(ValueTask<int> sending, int length)
        {
            if (await sending.ConfigureAwait(false) != length)
                throw new SocketException((int)SocketError.ConnectionReset);
        }
    }

    public ValueTask CloseAsync()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The peer was faster.
        }

        return default;
    }

    public void Abort() => socket.Dispose();

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return default;
    }
}
