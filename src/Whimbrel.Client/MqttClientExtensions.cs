using System.Text;

namespace Whimbrel.Client;

/// <summary>What can be made of <see cref="IMqttClient"/>'s members.</summary>
public static partial class MqttClientExtensions
{
    /// <summary>Publishes text as UTF-8.</summary>
    public static ValueTask<MqttPublishResult> PublishAsync(
        this IMqttClient client, string topic, string payload, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.PublishAsync(topic, Encoding.UTF8.GetBytes(payload), qos, retain, cancellationToken);
    }

    /// <summary>Enqueues with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync(
        this IMqttClient client, string topic, ReadOnlyMemory<byte> payload, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.EnqueueAsync(new MqttPublishRequest { Topic = topic, Payload = payload, QoS = MqttQoS.AtLeastOnce, Retain = retain }, cancellationToken);
    }

    /// <summary>Enqueues text as UTF-8, with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync(
        this IMqttClient client, string topic, string payload, bool retain = false, CancellationToken cancellationToken = default) =>
        client.EnqueueAsync(topic, Encoding.UTF8.GetBytes(payload), retain, cancellationToken);
}
