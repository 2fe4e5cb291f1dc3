using Microsoft.Extensions.Diagnostics.HealthChecks;
using Whimbrel.Client.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>The health of an application's MQTT clients.</summary>
public static class ClientHealthChecks
{
    /// <summary>
    /// Adds a check that is healthy while the client is connected and the server has refused none of its handlers' subscriptions.
    /// </summary>
    /// <param name="builder">The application's checks.</param>
    /// <param name="name">The client's name; the check is named <c>mqtt:NAME</c>.</param>
    /// <param name="failureStatus">What is reported otherwise; unhealthy if null.</param>
    /// <param name="tags">Tags to choose checks by.</param>
    public static IHealthChecksBuilder AddMqttClient(
        this IHealthChecksBuilder builder, string name = "mqtt", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return builder.Add(new HealthCheckRegistration(
            $"mqtt:{name}", provider => new ConnectionHealth(provider.GetRequiredKeyedService<HostedClient>(name)), failureStatus, tags));
    }
}
