using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;
using Whimbrel.Storage;

namespace Whimbrel.EndToEnd;

/// <summary>A broker as an application embeds it, in this process, on a port that the system picked, with a data directory of its own.</summary>
internal sealed class BrokerUnderTest : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly LogLines _log;
    private readonly string? _ownData;

    private BrokerUnderTest(IHost host, LogLines log, string? ownData)
    {
        _host = host;
        _log = log;
        _ownData = ownData;
        Broker = host.Services.GetRequiredService<IWhimbrelBroker>();
    }

    public IWhimbrelBroker Broker { get; }

    public BrokerStatistics Statistics => Broker.Statistics;

    /// <summary>The port of the first TCP listener.</summary>
    public int Port => int.Parse(Broker.Endpoints.First(e => e.StartsWith("mqtt://", StringComparison.Ordinal)).Split(':')[^1], CultureInfo.InvariantCulture);

    /// <summary>What the broker has logged so far.</summary>
    public IReadOnlyCollection<string> Log => _log.Lines;

    public static async Task<BrokerUnderTest> StartAsync(LinkKind links, BrokerOptions? options = null, Action<WhimbrelOptions>? configure = null, string? data = null)
    {
        Assert.SkipWhen(links == LinkKind.EventLoop && !OperatingSystem.IsLinux(), "event loops need Linux");
        var log = new LogLines();
        string? ownData = data is null ? Directory.CreateTempSubdirectory("whimbrel-e2e-").FullName : null;
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddWhimbrel(whimbrel =>
        {
            whimbrel.Listen.Add("mqtt://127.0.0.1:0");
            whimbrel.LinkKind = links;
            whimbrel.Broker = options ?? new BrokerOptions { SysIntervalSeconds = 0 };
            whimbrel.Store = () => DiskStore.Open(data ?? ownData!);
            configure?.Invoke(whimbrel);
        });
        IHost host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new BrokerUnderTest(host, log, ownData);
    }

    /// <summary>Publishes with QoS 1 from inside.</summary>
    public async Task PublishAsync(string topic, string payload, bool retain = false) =>
        Assert.False(ReasonCodes.IsError(await Broker.PublishAsync(topic, Encoding.UTF8.GetBytes(payload), QoS.AtLeastOnce, retain)));

    public bool HasSubscriber(string clientId) => Broker.Clients.Any(client => client.ClientId == clientId && client.Subscriptions > 0);

    public Task StopAsync() => _host.StopAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        _host.Dispose();
        if (_ownData is not null)
            Directory.Delete(_ownData, recursive: true);
        Assert.DoesNotContain(_log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal));
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
