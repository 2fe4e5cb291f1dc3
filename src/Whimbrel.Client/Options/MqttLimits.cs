namespace Whimbrel.Client;

/// <summary>Bounds of one connection.</summary>
public sealed class MqttLimits
{
    /// <summary>Messages of QoS 1 and 2 that may be on their way to the server; the server's own bound counts if it is lower.</summary>
    public int InFlightMax { get; set; } = 1024;

    /// <summary>Messages of QoS 1 and 2 that the server may have on their way to us; it bounds what handlers have not acknowledged.</summary>
    public ushort ReceiveMaximum { get; set; } = 256;

    /// <summary>The largest packet that we take.</summary>
    public int PacketBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>Bytes that wait for the socket; a QoS 0 publish waits when there are more.</summary>
    public int SendBytesMax { get; set; } = 256 * 1024;

    /// <summary>Topic aliases that the server may use.</summary>
    public ushort TopicAliasMaximum { get; set; } = 64;

    /// <summary>Topic aliases that we use of those that the server allows.</summary>
    public ushort SendTopicAliasMaximum { get; set; } = 64;

    internal MqttLimits Snapshot() => (MqttLimits)MemberwiseClone();
}
