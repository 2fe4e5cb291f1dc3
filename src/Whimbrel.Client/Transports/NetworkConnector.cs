using System.Net;
using System.Net.NetworkInformation;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Whimbrel.Client.Transports;

/// <summary>Connects over the network: plain or TLS, direct or through a proxy, as a stream or as a WebSocket.</summary>
internal sealed class NetworkConnector(MqttClientOptions options) : IConnector
{
    private Action? _networkChanged;

    /// <summary>The system's addresses have changed. Where it does not tell, this does not happen.</summary>
    public event Action NetworkChanged
    {
        add
        {
            bool isFirst = _networkChanged is null;
            _networkChanged += value;
            if (isFirst)
                Watch();
        }

        remove
        {
            _networkChanged -= value;
            if (_networkChanged is null)
                NetworkChange.NetworkAddressChanged -= OnAddressChanged;
        }
    }

    public async ValueTask<ITransport> ConnectAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        if (endpoint.Kind is EndpointKind.WebSocket or EndpointKind.SecureWebSocket)
            return await ConnectWebSocketAsync(endpoint, cancellationToken).ConfigureAwait(false);
        Socket socket = endpoint.Kind == EndpointKind.Unix
            ? await SocketTransport.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.Host), cancellationToken).ConfigureAwait(false)
            : await ReachAsync(endpoint.Host, endpoint.Port, endpoint.IsSecure ? "https" : "http", cancellationToken).ConfigureAwait(false);
        if (!endpoint.IsSecure)
            return new SocketTransport(socket);
        return new StreamTransport(await SecureAsync(socket, endpoint.Host, cancellationToken).ConfigureAwait(false));
    }

    private void Watch()
    {
        try
        {
            NetworkChange.NetworkAddressChanged += OnAddressChanged;
        }
        catch (Exception exception) when (exception is NetworkInformationException or PlatformNotSupportedException)
        {
            // Then the keep alive finds out, later.
        }
    }

    private void OnAddressChanged(object? sender, EventArgs e) => _networkChanged?.Invoke();

    /// <summary>A socket that leads to the server, through the proxy if there is one.</summary>
    private async ValueTask<Socket> ReachAsync(string host, int port, string scheme, CancellationToken cancellationToken)
    {
        var target = new UriBuilder(scheme, host, port).Uri;
        if (options.Proxy is null || options.Proxy.IsBypassed(target) || options.Proxy.GetProxy(target) is not { } proxy)
            return await SocketTransport.ConnectAsync(EndPointOf(host, port), cancellationToken).ConfigureAwait(false);
        NetworkCredential? credential = options.Proxy.Credentials?.GetCredential(proxy, "Basic") ?? CredentialOf(proxy);
        int proxyPort = proxy.Port < 0 ? 1080 : proxy.Port;
        Socket socket;
        try
        {
            socket = await SocketTransport.ConnectAsync(EndPointOf(proxy.Host, proxyPort), cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new ProxyException($"the proxy {proxy.Host}:{proxyPort} cannot be reached: {exception.Message}");
        }

        try
        {
            switch (proxy.Scheme)
            {
                case "http":
                    await Proxies.ConnectHttpAsync(socket, host, port, credential, cancellationToken).ConfigureAwait(false);
                    break;
                case "socks5" or "socks5h":
                    await Proxies.ConnectSocksAsync(socket, host, port, credential, cancellationToken).ConfigureAwait(false);
                    break;
                default:
                    throw new NotSupportedException($"A proxy by '{proxy.Scheme}' is not supported; http and socks5 are.");
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async ValueTask<SslStream> SecureAsync(Socket socket, string host, CancellationToken cancellationToken)
    {
        var secure = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await secure.AuthenticateAsClientAsync(await Tls.OptionsAsync(options.Tls, host, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            return secure;
        }
        catch
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<ITransport> ConnectWebSocketAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        SslClientAuthenticationOptions? ssl = endpoint.IsSecure ? await Tls.OptionsAsync(options.Tls, endpoint.Host, cancellationToken).ConfigureAwait(false) : null;
        using var handler = new SocketsHttpHandler { UseProxy = false };
        if (ssl is not null)
            handler.SslOptions = ssl;

        // The way to the server is ours, so that every proxy serves here as well.
        handler.ConnectCallback = async (context, stop) =>
            new NetworkStream(await ReachAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, endpoint.IsSecure ? "https" : "http", stop).ConfigureAwait(false), ownsSocket: true);
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol("mqtt"); // [MQTT-6.0.0-3]
            socket.Options.KeepAliveInterval = TimeSpan.Zero;
            if (options.WebSocket.Headers is { } headers)
            {
                foreach (KeyValuePair<string, string> header in await headers(cancellationToken).ConfigureAwait(false))
                    socket.Options.SetRequestHeader(header.Key, header.Value);
            }

            using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
            await socket.ConnectAsync(new Uri(endpoint.ToString()), invoker, cancellationToken).ConfigureAwait(false);
            return new WebSocketTransport(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static EndPoint EndPointOf(string host, int port) =>
        IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port);

    private static NetworkCredential? CredentialOf(Uri proxy)
    {
        if (proxy.UserInfo.Length == 0)
            return null;
        string[] parts = proxy.UserInfo.Split(':', 2);
        return new NetworkCredential(Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
    }
}
