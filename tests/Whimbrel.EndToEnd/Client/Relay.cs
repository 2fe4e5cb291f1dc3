using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Whimbrel.EndToEnd.Client;

/// <summary>
/// Stands between client and broker: passes bytes on, cuts when the test says so, and can be the front that the broker does not have: TLS, an
/// HTTP proxy, a SOCKS 5 proxy.
/// </summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<NetworkStream, Task<(Stream Stream, int Port)>> _front;
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Socket> _open = [];
    private readonly Task _accepting;
    private long _budget = long.MaxValue;
    private volatile bool _isSilent;

    private Relay(Func<NetworkStream, Task<(Stream, int)>> front)
    {
        _front = front;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Accepted { get; private set; }

    public int Cuts { get; private set; }

    /// <summary>What the last client said to the proxy.</summary>
    public string Asked { get; private set; } = "";

    /// <summary>Takes bytes and passes none on: a half-open connection.</summary>
    public bool IsSilent
    {
        get => _isSilent;
        set => _isSilent = value;
    }

    /// <summary>Called for the number of bytes until the next cut; null cuts never.</summary>
    public Func<long>? NextCut { get; set; }

    public static Relay To(int port) => new(stream => Task.FromResult<(Stream, int)>((stream, port)));

    public static Relay WithTls(int port, SslServerAuthenticationOptions options) => new(async stream =>
    {
        var secure = new SslStream(stream);
        await secure.AuthenticateAsServerAsync(options);
        return (secure, port);
    });

    /// <summary>An HTTP proxy that connects to whatever port is asked for on this machine.</summary>
    public static Relay AsHttpProxy()
    {
        Relay? self = null;
        self = new Relay(async stream =>
        {
            var head = new StringBuilder();
            byte[] one = new byte[1];
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                await stream.ReadExactlyAsync(one);
                head.Append((char)one[0]);
            }

            self!.Asked = head.ToString();
            string target = self.Asked.Split(' ')[1];
            await stream.WriteAsync("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n"u8.ToArray());
            return (stream, int.Parse(target.Split(':')[1]));
        });
        return self;
    }

    public static Relay AsSocksProxy(string user, string password)
    {
        Relay? self = null;
        self = new Relay(async stream =>
        {
            byte[] head = new byte[2];
            await stream.ReadExactlyAsync(head);
            await stream.ReadExactlyAsync(new byte[head[1]]);
            await stream.WriteAsync(new byte[] { 5, 2 });
            await stream.ReadExactlyAsync(head);
            byte[] name = new byte[head[1]];
            await stream.ReadExactlyAsync(name);
            byte[] length = new byte[1];
            await stream.ReadExactlyAsync(length);
            byte[] secret = new byte[length[0]];
            await stream.ReadExactlyAsync(secret);
            bool isRight = Encoding.UTF8.GetString(name) == user && Encoding.UTF8.GetString(secret) == password;
            await stream.WriteAsync(new byte[] { 1, (byte)(isRight ? 0 : 1) });
            byte[] request = new byte[5];
            await stream.ReadExactlyAsync(request);
            byte[] rest = new byte[request[3] == 3 ? request[4] + 2 : 3 + 2];
            await stream.ReadExactlyAsync(rest);
            self!.Asked = request[3] == 3 ? Encoding.ASCII.GetString(rest[..^2]) : "address";
            await stream.WriteAsync(new byte[] { 5, 0, 0, 1, 127, 0, 0, 1, 0, 0 });
            return (stream, (rest[^2] << 8) | rest[^1]);
        });
        return self;
    }

    /// <summary>Cuts every connection that stands, by a reset.</summary>
    public void CutAll()
    {
        lock (_open)
        {
            foreach (Socket socket in _open)
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }

            _open.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        _listener.Stop();
        CutAll();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_stop.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            Accepted++;
            Interlocked.Exchange(ref _budget, NextCut?.Invoke() ?? long.MaxValue);
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (_open)
        {
            _open.Add(client);
            _open.Add(server);
        }

        try
        {
            (Stream front, int port) = await _front(new NetworkStream(client, ownsSocket: true));
            await server.ConnectAsync(IPAddress.Loopback, port);
            var back = new NetworkStream(server, ownsSocket: true);
            await Task.WhenAny(PassAsync(front, back), PassAsync(back, front));
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
        {
            // The test sees it on its side.
        }
        finally
        {
            lock (_open)
            {
                _open.Remove(client);
                _open.Remove(server);
            }

            client.Dispose();
            server.Dispose();
        }
    }

    private async Task PassAsync(Stream from, Stream to)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReadAsync(buffer) is int count and > 0)
            {
                if (_isSilent)
                    continue;
                long left = Interlocked.Add(ref _budget, -count);
                if (left < 0)
                {
                    // Some of what was said arrives, the rest does not.
                    int arriving = (int)Math.Max(0, count + left);
                    await to.WriteAsync(buffer.AsMemory(0, arriving));
                    Cuts++;
                    return;
                }

                await to.WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // Gone.
        }
    }
}
