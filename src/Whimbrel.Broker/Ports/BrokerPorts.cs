namespace Whimbrel.Broker;

/// <summary>What the broker asks of its surroundings. Everything has a default that suits an open broker on a trusted machine.</summary>
public sealed record BrokerPorts
{
    public IAuthenticator Authenticator { get; init; } = AllowAll.Instance;

    public IReadOnlyList<IAuthenticationMethod> AuthenticationMethods { get; init; } = [];

    public IAuthorizer Authorizer { get; init; } = AllowAll.Instance;

    public IBrokerEvents Events { get; init; } = NoEvents.Instance;

    /// <summary>Makes a client identifier for a client that gave none [MQTT-3.1.3-6]. Must not repeat.</summary>
    public required Func<string> NewClientId { get; init; }
}

/// <summary>A subscriber inside the process. Called by whichever thread routes; must not block and must be thread-safe.</summary>
public interface ILocalSubscriber
{
    /// <returns>False when the message was dropped because the subscriber does not keep up.</returns>
    bool TryDeliver(Message message, bool retained);
}
