using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Whimbrel.Client;
using Whimbrel.Client.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts MQTT clients into an application.</summary>
public static class ClientServices
{
    /// <summary>
    /// Adds a client that connects when the application starts, keeps trying, and leaves in good order when it stops. Each client is the
    /// keyed service of its name, as <see cref="IMqttClient"/> and <see cref="MqttClient"/>; the only one is also there without a key.
    /// </summary>
    /// <remarks>
    /// Its options come from the section <c>Mqtt:NAME</c>, then from the connection string of its name (a URI, which replaces the section's
    /// endpoints), then from <paramref name="configure"/>. Beside the client's own defaults, an application has a client id that stays the
    /// same (application, machine and name), a session that the server keeps for an hour, and a first connection that is tried again.
    /// Of an application that runs twice on one machine, give each its own client id.
    /// </remarks>
    /// <param name="services">The application's services.</param>
    /// <param name="name">The client's name.</param>
    /// <param name="configure">Has the last word on the options.</param>
    public static IMqttClientBuilder AddMqttClient(this IServiceCollection services, string name = "mqtt", Action<MqttClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var builder = new ClientBuilder(name, services);
        if (!services.Any(service => service.ServiceType == typeof(HostedClient) && name.Equals(service.ServiceKey)))
            Register(services, name, builder);
        return configure is null ? builder : builder.Configure(configure);
    }

    private static void Register(IServiceCollection services, string name, ClientBuilder builder)
    {
        services.AddOptions();
        builder.Configure((options, provider) => Prepare(options, provider, name));
        services.AddKeyedSingleton(name, static (provider, key) => New(provider, (string)key!));
        services.AddKeyedSingleton(name, static (provider, key) => provider.GetRequiredKeyedService<HostedClient>(key).Client);
        services.AddKeyedSingleton<IMqttClient>(name, static (provider, key) => provider.GetRequiredKeyedService<HostedClient>(key).Client);
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<HostedClient>(name));
        services.AddSingleton(new ClientName(name));
        services.TryAddSingleton(static provider => provider.GetRequiredKeyedService<HostedClient>(OnlyName(provider)).Client);
        services.TryAddSingleton<IMqttClient>(static provider => provider.GetRequiredKeyedService<HostedClient>(OnlyName(provider)).Client);
    }

    private static string OnlyName(IServiceProvider provider)
    {
        string[] names = [.. provider.GetServices<ClientName>().Select(client => client.Name)];
        return names.Length == 1
            ? names[0]
            : throw new InvalidOperationException($"There are several MQTT clients; ask for one by its key: {string.Join(", ", names)}.");
    }

    private static HostedClient New(IServiceProvider provider, string name) => new(
        name,
        provider.GetRequiredService<IOptionsMonitor<MqttClientOptions>>().Get(name),
        [.. provider.GetKeyedServices<HandlerRegistration>(name)],
        provider);

    /// <summary>What an application wants before configuration and code say otherwise, and what they say in configuration.</summary>
    private static void Prepare(MqttClientOptions options, IServiceProvider provider, string name)
    {
        string application = provider.GetService<IHostEnvironment>()?.ApplicationName ?? AppDomain.CurrentDomain.FriendlyName;
        options.ClientId = $"{application}-{Environment.MachineName}-{name}";
        options.SessionExpiry = TimeSpan.FromHours(1);
        options.Reconnect.RetryInitialConnect = true;
        options.LoggerFactory = provider.GetService<ILoggerFactory>();
        options.MeterFactory = provider.GetService<IMeterFactory>();
        options.TimeProvider = provider.GetService<TimeProvider>() ?? options.TimeProvider;
        if (provider.GetService<IConfiguration>() is not { } configuration)
            return;
        ClientSection.Apply(configuration.GetSection($"Mqtt:{name}"), options);
        if (configuration.GetConnectionString(name) is not { Length: > 0 } uri)
            return;
        options.Endpoints.Clear();
        options.Endpoints.Add(uri);
    }

    /// <summary>One for each client, so that they can be counted.</summary>
    private sealed record ClientName(string Name);
}
