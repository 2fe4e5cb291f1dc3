using System.Net;
using System.Net.Sockets;

namespace Whimbrel.Client.Transports;

/// <summary>Connects over the network.</summary>
internal sealed class NetworkConnector(MqttClientOptions options) : IConnector
{
    public async ValueTask<ITransport> ConnectAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        _ = options;
        if (endpoint.Kind == EndpointKind.Unix)
            return new SocketTransport(await SocketTransport.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.Host), cancellationToken).ConfigureAwait(false));
        Socket socket = await SocketTransport.ConnectAsync(new DnsEndPoint(endpoint.Host, endpoint.Port), cancellationToken).ConfigureAwait(false);
        return new SocketTransport(socket);
    }
}
