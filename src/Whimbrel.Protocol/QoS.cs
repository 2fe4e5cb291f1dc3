namespace Whimbrel.Protocol;

/// <summary>The three delivery promises. The value 3 never leaves the parsers [MQTT-3.3.1-4].</summary>
public enum QoS : byte
{
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}
