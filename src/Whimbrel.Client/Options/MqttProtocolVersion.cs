namespace Whimbrel.Client;

/// <summary>Which MQTT a client speaks.</summary>
public enum MqttProtocolVersion
{
    /// <summary>5.0, and 3.1.1 if the server does not know that.</summary>
    Auto,

    Mqtt311 = 4,

    Mqtt50 = 5,
}
