using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>Carries links on the pipes of Kestrel's socket transport, without its web server. Works on every operating system.</summary>
internal sealed class PipeHost : ILinkHost
{
    private const int EpisodeMilliseconds = 10_000;

    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(8);


    private readonly SocketTransportFactory _factory;
    private readonly List<(IConnectionListener Socket, AckContract AckContract)> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentDictionary<PipeLink, Task> _links = new();
    private readonly DescriptorBudget _budget = DescriptorBudget.OfProcess();
    private volatile bool _isStopping;
    private long _refusedAt = -EpisodeMilliseconds;
    private readonly int _stallMilliseconds;

    public PipeHost(MessageBroker broker, TurnPool turns, ILoggerFactory loggers, ILogger logger, int stallMilliseconds)
    {
        Broker = broker;
        Turns = turns;
        Logger = logger;
        _stallMilliseconds = stallMilliseconds;

        // With a write buffer of one byte a flush completes when the socket has taken everything, so that what we call pending is.
        var options = new SocketTransportOptions { Backlog = 4096, NoDelay = true, MaxWriteBufferSize = 1 };
        _factory = new SocketTransportFactory(Options.Create(options), loggers);
    }

    public MessageBroker Broker { get; }

    public TurnPool Turns { get; }

    public ILogger Logger { get; }

    public bool IsStopping => _isStopping;

    public async ValueTask<EndPoint> BindAsync(EndPoint endPoint, AckContract ackContract)
    {
        try
        {
            var listener = await _factory.BindAsync(endPoint).ConfigureAwait(false);
            _listeners.Add((listener, ackContract));
            return listener.EndPoint;
        }
        catch (AddressInUseException e)
        {
            throw new ListenException(ListenEndpoint.Format(endPoint), "address already in use", e);
        }
        catch (SocketException e)
        {
            throw new ListenException(ListenEndpoint.Format(endPoint), Describe(e), e)
            {
                IsUnsupportedAddress = e.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported,
            };
        }
    }

    public void Start() => _accepting.AddRange(_listeners.Select(listener => Task.Run(() => AcceptAsync(listener.Socket, listener.AckContract))));

    public void OnSecond(long nowMilliseconds)
    {
        foreach (var (link, _) in _links)
            link.CheckProgress(nowMilliseconds, _stallMilliseconds);
    }

    public async ValueTask StopAcceptingAsync()
    {
        _isStopping = true;
        foreach (var (listener, _) in _listeners)
            await listener.UnbindAsync().ConfigureAwait(false);
        await Task.WhenAll(_accepting).ConfigureAwait(false);
    }

    public async ValueTask StopAsync()
    {
        await StopAcceptingAsync().ConfigureAwait(false);
        foreach (var (link, _) in _links)
            link.Stop();
        try
        {
            await Task.WhenAll(_links.Values).WaitAsync(StopTime).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            foreach (var (link, _) in _links)
                link.Abort();
            await Task.WhenAll(_links.Values).ConfigureAwait(false);
        }

        foreach (var (listener, _) in _listeners)
            await listener.DisposeAsync().ConfigureAwait(false);
        _listeners.Clear();
        _accepting.Clear();
    }

    private async Task AcceptAsync(IConnectionListener listener, AckContract ackContract)
    {
        var identity = new ListenerIdentity(ListenEndpoint.Format(listener.EndPoint), ackContract);
        try
        {
            while (await listener.AcceptAsync().ConfigureAwait(false) is { } transport)
            {
                if (transport.Features.Get<IConnectionSocketFeature>() is { } feature && !_budget.Allows(feature.Socket.Handle))
                {
                    await RefuseAsync(transport, identity.Uri).ConfigureAwait(false);
                    continue;
                }

                var link = new PipeLink(this, transport, Describe(transport.RemoteEndPoint), identity);
                var started = new TaskCompletionSource();
                _links[link] = ServeAsync(link, started.Task);
                started.SetResult();
            }
        }
        catch (Exception e)
        {
            HostingLog.ThreadFailed(Logger, e, identity.Uri);
        }
    }

    private async Task RefuseAsync(ConnectionContext transport, string uri)
    {
        long now = Environment.TickCount64;
        if (now - Interlocked.Exchange(ref _refusedAt, now) >= EpisodeMilliseconds)
            HostingLog.AcceptFailing(Logger, uri, _budget.Cause);
        transport.Abort();
        await transport.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ServeAsync(PipeLink link, Task started)
    {
        await started.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await link.RunAsync().ConfigureAwait(false);
        _links.TryRemove(link, out _);
    }

    private static string Describe(EndPoint? peer) => peer switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped => new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port).ToString(),
        IPEndPoint ip => ip.ToString(),
        _ => "unix",
    };

    private static string Describe(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "address already in use",
        SocketError.AddressNotAvailable => "this machine has no such address",
        SocketError.AddressFamilyNotSupported => "this machine does not support this kind of address",
        SocketError.AccessDenied => "permission denied",
        _ => e.Message,
    };
}
