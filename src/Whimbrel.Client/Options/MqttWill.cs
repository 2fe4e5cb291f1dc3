namespace Whimbrel.Client;

/// <summary>The message that the server publishes when a client's connection ends without a farewell.</summary>
public sealed class MqttWill
{
    public required string Topic { get; init; }

    public ReadOnlyMemory<byte> Payload { get; init; }

    public MqttQoS QoS { get; init; } = MqttQoS.AtLeastOnce;

    public bool Retain { get; init; }

    /// <summary>How long the server waits for the client to come back.</summary>
    public TimeSpan Delay { get; init; }

    public TimeSpan? Expiry { get; init; }

    public string? ContentType { get; init; }

    public string? ResponseTopic { get; init; }

    public ReadOnlyMemory<byte> CorrelationData { get; init; }

    public bool PayloadIsText { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];
}
