namespace Whimbrel.Client;

/// <summary>Which MQTT a client speaks.</summary>
public enum MqttProtocolVersion
{
    /// <summary>5.0, and 3.1.1 if the server does not know that.</summary>
    Auto,

    /// <summary>The version before the standard. Never fallen back to: only who asks for it speaks it.</summary>
    Mqtt31 = 3,

    Mqtt311 = 4,

    Mqtt50 = 5,
}
