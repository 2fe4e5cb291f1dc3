using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>Opens what the options name, and undoes what is not the host's business when it stops: socket files.</summary>
internal sealed class BoundListeners(ILinkHost host, ILogger logger)
{
    private readonly List<EndPoint> _bound = [];

    public IReadOnlyList<EndPoint> EndPoints => _bound;

    /// <exception cref="ListenException">One of them cannot be opened.</exception>
    public async ValueTask OpenAsync(ListenEndpoint endpoint)
    {
        var first = await BindFirstAsync(endpoint).ConfigureAwait(false);
        _bound.Add(first);
        LogListening(first);

        foreach (var companion in endpoint.Companions)
        {
            if (companion.Equals(first) || companion.AddressFamily == first.AddressFamily)
                continue;
            var beside = WithPortOf(companion, first);
            if (await TryBindAsync(beside, endpoint.AckContract, (endpoint.Alternatives[0] as IPEndPoint)?.Port == 0).ConfigureAwait(false) is { } bound)
            {
                _bound.Add(bound);
                LogListening(bound);
            }
        }
    }

    /// <summary>Removes the socket files, after the listeners have been closed.</summary>
    public void RemoveFiles()
    {
        foreach (var endPoint in _bound.OfType<UnixDomainSocketEndPoint>())
            UnixSocketFile.Remove(endPoint.ToString());
    }

    private async ValueTask<EndPoint> BindFirstAsync(ListenEndpoint endpoint)
    {
        for (int i = 0; ; i++)
        {
            var candidate = endpoint.Alternatives[i];
            try
            {
                if (candidate is UnixDomainSocketEndPoint unix)
                    UnixSocketFile.Prepare(endpoint.Uri, unix);
                return await host.BindAsync(candidate, endpoint.AckContract).ConfigureAwait(false);
            }
            catch (ListenException e) when (e.IsUnsupportedAddress && i + 1 < endpoint.Alternatives.Count)
            {
                HostingLog.AddressUnsupported(logger, e.Endpoint, e.Cause);
            }
        }
    }

    private async ValueTask<EndPoint?> TryBindAsync(EndPoint endPoint, AckContract ackContract, bool portWasPicked)
    {
        try
        {
            return await host.BindAsync(endPoint, ackContract).ConfigureAwait(false);
        }
        catch (ListenException e) when (e.IsUnsupportedAddress || portWasPicked)
        {
            HostingLog.AddressUnsupported(logger, e.Endpoint, e.Cause);
            return null;
        }
    }

    private static EndPoint WithPortOf(EndPoint endPoint, EndPoint other) =>
        endPoint is IPEndPoint ip && other is IPEndPoint picked ? new IPEndPoint(ip.Address, picked.Port) : endPoint;

    private void LogListening(EndPoint endPoint)
    {
        string uri = ListenEndpoint.Format(endPoint);
        if (endPoint is IPEndPoint ip && IPAddress.IsLoopback(ip.Address))
            HostingLog.ListeningThisMachine(logger, uri, ip.Port);
        else
            HostingLog.Listening(logger, uri);
    }
}
