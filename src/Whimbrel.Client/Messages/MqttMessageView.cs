using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>Takes a message in the receive buffer.</summary>
public delegate void MqttRawHandler(in MqttMessageView message);

/// <summary>A message in the receive buffer: good until the handler returns.</summary>
public readonly ref struct MqttMessageView
{
    internal MqttMessageView(in PublishPacket packet, string topic)
    {
        Topic = topic;
        Payload = packet.Payload;
        QoS = (MqttQoS)packet.QoS;
        Retain = packet.Retain;
        PropertyBlock = packet.PropertyBlock;
    }

    /// <summary>The same string for each message of a topic that comes often.</summary>
    public string Topic { get; }

    public ReadOnlySpan<byte> Payload { get; }

    public MqttQoS QoS { get; }

    public bool Retain { get; }

    /// <summary>The properties as they stand on the wire.</summary>
    public ReadOnlySpan<byte> PropertyBlock { get; }
}
