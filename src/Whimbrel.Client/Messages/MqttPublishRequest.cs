namespace Whimbrel.Client;

/// <summary>A message to publish with everything that MQTT 5.0 can say about it.</summary>
/// <remarks>The payload is not copied: it must not change until the call has completed.</remarks>
public sealed class MqttPublishRequest : MqttOutgoing;
