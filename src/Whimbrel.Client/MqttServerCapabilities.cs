namespace Whimbrel.Client;

/// <summary>What server and client have agreed on, with the specification's defaults where the server said nothing.</summary>
public sealed record MqttServerCapabilities
{
    /// <summary>The version that is spoken.</summary>
    public MqttProtocolVersion ProtocolVersion { get; init; } = MqttProtocolVersion.Mqtt50;

    /// <summary>Where it is, of the places that the options name; without secrets.</summary>
    public string Endpoint { get; init; } = "";

    /// <summary>The client identifier that counts, given or assigned.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>How many messages of QoS 1 and 2 the server takes at a time.</summary>
    public int ReceiveMaximum { get; init; } = ushort.MaxValue;

    public MqttQoS MaximumQoS { get; init; } = MqttQoS.ExactlyOnce;

    public bool RetainAvailable { get; init; } = true;

    public long MaximumPacketBytes { get; init; } = 268_435_460;

    public int TopicAliasMaximum { get; init; }

    public bool WildcardSubscriptionAvailable { get; init; } = true;

    public bool SubscriptionIdentifiersAvailable { get; init; }

    public bool SharedSubscriptionAvailable { get; init; } = true;

    /// <summary>Zero: off.</summary>
    public TimeSpan KeepAlive { get; init; }

    /// <summary>How long the server keeps the session without a connection.</summary>
    public TimeSpan SessionExpiry { get; init; }

    public string? ResponseInformation { get; init; }

    /// <summary>The user properties of CONNACK.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];
}

/// <summary>How a connection began.</summary>
/// <param name="SessionPresent">The server still had this client's session.</param>
/// <param name="Server">What was agreed on.</param>
public sealed record MqttConnectResult(bool SessionPresent, MqttServerCapabilities Server);
