using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>What carries the connections of a test.</summary>
public enum Carrier
{
    OneLoop,
    TwoLoops,
    Pipes,
}

/// <summary>A whole broker in this process on a port of its own, stopped at the end of the test.</summary>
internal sealed class WiredBroker : IAsyncDisposable
{
    /// <summary>The longest that anything may take which must happen. Nothing waits for it to pass.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly BrokerService _service;

    private WiredBroker(BrokerService service, EventRecorder events, RecordedLog log)
    {
        _service = service;
        Events = events;
        Log = log;
    }

    public static TheoryData<Carrier> Carriers => OperatingSystem.IsLinux() ? [Carrier.OneLoop, Carrier.TwoLoops, Carrier.Pipes] : [Carrier.Pipes];

    public EventRecorder Events { get; }

    public RecordedLog Log { get; }

    public IWhimbrelBroker Broker => _service;

    public EndPoint EndPoint => _service.BoundEndPoints[0];

    public int Port => ((IPEndPoint)EndPoint).Port;

    public IReadOnlyList<EndPoint> EndPoints => _service.BoundEndPoints;

    public static async Task<WiredBroker> StartAsync(Carrier carrier, Action<WhimbrelOptions>? configure = null)
    {
        var options = new WhimbrelOptions
        {
            LinkKind = carrier == Carrier.Pipes ? LinkKind.Pipes : LinkKind.EventLoop,
            EventLoops = carrier == Carrier.TwoLoops ? 2 : 1,
        };
        configure?.Invoke(options);
        if (options.Listen.Count == 0)
            options.Listen.Add("mqtt://127.0.0.1:0");
        var events = new EventRecorder();
        var ports = new BrokerPorts { NewClientId = BrokerService.NewClientId, Events = events };
        var log = new RecordedLog();
        var service = new BrokerService(options, ports, log);
        try
        {
            await service.StartAsync(CancellationToken.None);
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }

        return new WiredBroker(service, events, log);
    }

    /// <summary>A connection on which nothing has been said yet.</summary>
    public async Task<WireClient> OpenAsync(EndPoint? endPoint = null)
    {
        endPoint ??= EndPoint;
        bool isUnix = endPoint is UnixDomainSocketEndPoint;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        if (!isUnix)
            socket.NoDelay = true;
        await socket.ConnectAsync(endPoint).WaitAsync(Bound);
        return new WireClient(socket);
    }

    /// <summary>A client that has its CONNACK.</summary>
    public async Task<WireClient> ConnectAsync(string clientId, Protocol.ProtocolVersion version = Protocol.ProtocolVersion.Mqtt50, ushort keepAliveSeconds = 0, string? will = null)
    {
        var client = await OpenAsync();
        await client.ConnectAsync(clientId, version, keepAliveSeconds, will);
        return client;
    }

    public Task StopAsync() => _service.StopAsync(CancellationToken.None).WaitAsync(Bound);

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.DoesNotContain(Log.Lines, line => line.Level >= LogLevel.Error && !line.Text.Contains("handler", StringComparison.Ordinal));
    }
}
