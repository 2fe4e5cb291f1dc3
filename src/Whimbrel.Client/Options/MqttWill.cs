namespace Whimbrel.Client;

/// <summary>The message that the server publishes when a client's connection ends without a farewell. With QoS 1 unless it says otherwise.</summary>
public sealed class MqttWill : MqttOutgoing
{
    public MqttWill() => QoS = MqttQoS.AtLeastOnce;

    /// <summary>How long the server waits for the client to come back.</summary>
    public TimeSpan Delay { get; init; }
}
