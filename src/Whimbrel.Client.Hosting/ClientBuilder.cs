using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Whimbrel.Client.Hosting;

internal sealed class ClientBuilder(string name, IServiceCollection services) : IMqttClientBuilder
{
    private static readonly MqttSubscribeOptions HandlerDefaults = new() { QoS = MqttQoS.AtLeastOnce };

    public string Name => name;

    public IServiceCollection Services => services;

    public IMqttClientBuilder Configure(Action<MqttClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.Configure(name, configure);
        return this;
    }

    public IMqttClientBuilder Configure(Action<MqttClientOptions, IServiceProvider> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddSingleton<IConfigureOptions<MqttClientOptions>>(
            provider => new ConfigureNamedOptions<MqttClientOptions>(name, options => configure(options, provider)));
        return this;
    }

    public IMqttClientBuilder Bind(IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return Configure(options => ClientSection.Apply(section, options));
    }

    public IMqttClientBuilder AddHandler<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string filter, MqttSubscribeOptions? options = null)
        where THandler : class, IMqttHandler
    {
        services.TryAddScoped<THandler>();
        return AddHandler(filter, static (message, scope, stop) => scope.GetRequiredService<THandler>().HandleAsync(message, stop), options);
    }

    public IMqttClientBuilder AddHandler(string filter, Func<MqttMessage, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add(filter, _ => handler, options);
    }

    public IMqttClientBuilder AddHandler(string filter, Func<MqttMessage, IServiceProvider, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add(
            filter,
            provider =>
            {
                IServiceScopeFactory scopes = provider.GetRequiredService<IServiceScopeFactory>();
                return async (message, stop) =>
                {
                    await using AsyncServiceScope scope = scopes.CreateAsyncScope();
                    await handler(message, scope.ServiceProvider, stop).ConfigureAwait(false);
                };
            },
            options);
    }

    private ClientBuilder Add(string filter, Func<IServiceProvider, Func<MqttMessage, CancellationToken, ValueTask>> make, MqttSubscribeOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(filter);
        services.AddKeyedSingleton(name, new HandlerRegistration(filter, make, options ?? HandlerDefaults));
        return this;
    }
}
