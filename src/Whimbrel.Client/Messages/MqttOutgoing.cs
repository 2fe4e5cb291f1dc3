namespace Whimbrel.Client;

/// <summary>A message as MQTT 5.0 can say it, on its way to a server. In 3.1.1 the properties are left out.</summary>
public abstract class MqttOutgoing
{
    private protected MqttOutgoing()
    {
    }

    public required string Topic { get; init; }

    public ReadOnlyMemory<byte> Payload { get; init; }

    public MqttQoS QoS { get; init; }

    public bool Retain { get; init; }

    /// <summary>How long the message is worth delivering; while it waits in the outbox counts, too.</summary>
    public TimeSpan? Expiry { get; init; }

    public string? ContentType { get; init; }

    /// <summary>Where an answer is expected.</summary>
    public string? ResponseTopic { get; init; }

    public ReadOnlyMemory<byte> CorrelationData { get; init; }

    /// <summary>The payload is UTF-8 text.</summary>
    public bool PayloadIsText { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];
}
