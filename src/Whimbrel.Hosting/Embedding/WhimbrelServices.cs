using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Whimbrel.Broker;
using Whimbrel.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts a broker into an application.</summary>
public static class WhimbrelServices
{
    /// <summary>
    /// Adds an MQTT broker that starts and stops with the application, and <see cref="IWhimbrelBroker"/> to talk to it. Registered
    /// services of <see cref="IAuthenticator"/>, <see cref="IAuthorizer"/>, <see cref="IAuthenticationMethod"/> and
    /// <see cref="IBrokerEvents"/> are used.
    /// </summary>
    public static IServiceCollection AddWhimbrel(this IServiceCollection services, Action<WhimbrelOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<WhimbrelOptions>();
        if (configure is not null)
            services.Configure(configure);
        if (services.Any(service => service.ServiceType == typeof(BrokerService)))
            return services;

        services.AddSingleton(NewService);
        services.TryAddSingleton<IWhimbrelBroker>(provider => provider.GetRequiredService<BrokerService>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<BrokerService>());
        return services;
    }

    private static BrokerService NewService(IServiceProvider provider)
    {
        var ports = new BrokerPorts { NewClientId = BrokerService.NewClientId };
        ports = ports with
        {
            Authenticator = provider.GetService<IAuthenticator>() ?? ports.Authenticator,
            Authorizer = provider.GetService<IAuthorizer>() ?? ports.Authorizer,
            AuthenticationMethods = [.. provider.GetServices<IAuthenticationMethod>()],
            Events = provider.GetService<IBrokerEvents>() ?? ports.Events,
        };
        return new BrokerService(
            provider.GetRequiredService<IOptions<WhimbrelOptions>>().Value,
            ports,
            provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance,
            () => Stop(provider.GetRequiredService<IHostApplicationLifetime>()));
    }

    private static void Stop(IHostApplicationLifetime lifetime)
    {
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }
}
