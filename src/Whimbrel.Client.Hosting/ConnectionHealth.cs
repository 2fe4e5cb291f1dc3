using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Whimbrel.Client.Hosting;

/// <summary>
/// Healthy is a client that is connected and whose handlers all have their subscription. Nothing is sent to find out: keep-alive sees to
/// connections that only seem to stand.
/// </summary>
internal sealed class ConnectionHealth(HostedClient hosted) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        MqttConnectionState state = hosted.Client.State;
        IReadOnlyList<string> refused = hosted.Refused;
        var facts = new Dictionary<string, object> { ["state"] = state.ToString(), ["clientId"] = hosted.Client.ClientId };
        if (refused.Count > 0)
            facts["refused"] = string.Join(", ", refused);
        string description = state != MqttConnectionState.Connected
            ? $"The client is {Spell(state)}."
            : refused.Count > 0 ? $"The server has refused {string.Join(", ", refused)}." : "Connected.";
        HealthStatus status = state == MqttConnectionState.Connected && refused.Count == 0 ? HealthStatus.Healthy : context.Registration.FailureStatus;
        return Task.FromResult(new HealthCheckResult(status, description, null, facts));
    }

    private static string Spell(MqttConnectionState state) => state switch
    {
        MqttConnectionState.Connecting => "connecting for the first time",
        MqttConnectionState.Reconnecting => "connecting again",
        MqttConnectionState.Faulted => "not connected and has given up",
        MqttConnectionState.Disposed => "at its end",
        _ => "not connected",
    };
}
