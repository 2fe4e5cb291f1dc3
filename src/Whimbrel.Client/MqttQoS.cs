namespace Whimbrel.Client;

/// <summary>What a sender promises about a message.</summary>
public enum MqttQoS
{
    /// <summary>Sent and forgotten: it may be lost, it never comes twice.</summary>
    AtMostOnce = 0,

    /// <summary>Sent until it is acknowledged: it is not lost, it may come twice.</summary>
    AtLeastOnce = 1,

    /// <summary>Not lost and not twice.</summary>
    ExactlyOnce = 2,
}
