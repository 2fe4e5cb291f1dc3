using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Server;

namespace Whimbrel.Cli.Tests;

/// <summary>The broker of <c>whimbrel serve</c> inside the test process, on a free port of this machine.</summary>
internal sealed class RunningBroker : IAsyncDisposable
{
    private readonly IHost _host;

    private RunningBroker(IHost host) => _host = host;

    public string Port { get; private set; } = "";

    public static async Task<RunningBroker> StartAsync(BrokerOptions? limits = null, LinkKind links = LinkKind.Auto, string? data = null, string port = "0")
    {
        var configuration = new ServerConfiguration
        {
            Listen = [ListenEndpoint.Parse($"mqtt://127.0.0.1:{port}")],
            Links = links,
            LogLevel = LogLevel.None,
            Store = data is null ? StoreKind.Memory : StoreKind.Disk,
            DataDirectory = data,
            Limits = limits ?? new BrokerOptions { SysIntervalSeconds = 0 },
        };
        var broker = new RunningBroker(StandaloneBroker.Build(configuration, TextWriter.Null));
        await broker._host.StartAsync();
        string endpoint = broker._host.Services.GetRequiredService<IWhimbrelBroker>().Endpoints[0];
        broker.Port = endpoint[(endpoint.LastIndexOf(':') + 1)..];
        return broker;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}
