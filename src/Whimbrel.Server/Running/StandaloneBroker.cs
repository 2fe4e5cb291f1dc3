using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Whimbrel.Hosting;
using Whimbrel.Storage;

namespace Whimbrel.Server;

/// <summary>The broker as a program of its own.</summary>
public static class StandaloneBroker
{
    // What may be left to do is bounded by the hosting; this is for the case that it is not.
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(15);

    /// <summary>Makes a host that runs until SIGINT or SIGTERM and then stops cleanly.</summary>
    /// <param name="configuration">Loaded and without problems.</param>
    /// <param name="log">Takes the log lines; not disposed.</param>
    public static IHost Build(ServerConfiguration configuration, TextWriter log)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = StopTime);
        builder.Logging.SetMinimumLevel(configuration.LogLevel);
        builder.Logging.AddFilter("Microsoft", configuration.LogLevel > LogLevel.Warning ? configuration.LogLevel : LogLevel.Warning);
        builder.Services.AddSingleton<ILoggerProvider>(_ => new LineLoggerProvider(log, TimeProvider.System));
        var opening = new StoreOpening();
        builder.Services.AddWhimbrel(options =>
        {
            Apply(configuration, options);
            options.Store = opening.Remembered(options.Store);
        });
        // Behind the broker: services stop in the reverse order.
        builder.Services.AddHostedService(provider => new ControlService(opening, provider.GetRequiredService<ILoggerFactory>()));
        return builder.Build();
    }

    /// <summary>Makes the configuration the hosting's.</summary>
    public static void Apply(ServerConfiguration configuration, WhimbrelOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        options.Listen.Clear();
        foreach (var endpoint in configuration.Listen)
            options.Listen.Add(endpoint.Uri);
        options.LinkKind = configuration.Links;
        options.EventLoops = configuration.EventLoops;
        options.Broker = configuration.Limits;
        options.Store = configuration.Store == StoreKind.Memory ? null : () => DiskStore.Open(
            configuration.DataDirectory ?? DefaultDataDirectory.Path,
            new DiskStoreOptions { MinimumFreeBytes = configuration.MinimumFreeBytes, Profile = configuration.StoreProfile });
    }
}
