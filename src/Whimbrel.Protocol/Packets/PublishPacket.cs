namespace Whimbrel.Protocol;

/// <summary>PUBLISH of all versions, for reading and writing. Spans are views over the frame.</summary>
public ref struct PublishPacket : IPacket
{
    private int _forwardableLength;

    /// <summary>DUP: this may be a second attempt.</summary>
    public bool Duplicate { get; set; }

    public QoS QoS { get; set; }

    public bool Retain { get; set; }

    /// <summary>0 for QoS 0 and never otherwise [MQTT-2.2.1-2] [MQTT-2.2.1-3].</summary>
    public ushort PacketId { get; set; }

    /// <summary>Empty only beside a topic alias.</summary>
    public ReadOnlySpan<byte> Topic { get; set; }

    /// <summary>0 means none.</summary>
    public ushort TopicAlias { get; set; }

    public bool HasMessageExpiry { get; set; }

    /// <summary>Counts if <see cref="HasMessageExpiry"/>.</summary>
    public uint MessageExpirySeconds { get; set; }

    public readonly bool HasPayloadFormat => PayloadFormat.HasValue;

    /// <summary>True: the payload is UTF-8 text. Read only; written as part of <see cref="PropertyBlock"/>.</summary>
    public bool? PayloadFormat { get; private set; }

    public bool HasContentType { get; private set; }

    /// <summary>Read only; written as part of <see cref="PropertyBlock"/>.</summary>
    public ReadOnlySpan<byte> ContentType { get; private set; }

    /// <summary>Empty means none. Read only; written as part of <see cref="PropertyBlock"/>.</summary>
    public ReadOnlySpan<byte> ResponseTopic { get; private set; }

    public bool HasCorrelationData { get; private set; }

    /// <summary>Read only; written as part of <see cref="PropertyBlock"/>.</summary>
    public ReadOnlySpan<byte> CorrelationData { get; private set; }

    /// <summary>How many <see cref="SubscriptionIds"/> was read.</summary>
    public int SubscriptionIdCount { get; private set; }

    /// <summary>The Subscription Identifiers as read.</summary>
    public readonly SubscriptionIdList SubscriptionIds => new(SubscriptionIdCount == 0 ? default : PropertyBlock);

    /// <summary>The Subscription Identifiers to write, each 1 to 268,435,455.</summary>
    public ReadOnlySpan<uint> SubscriptionIdentifiers { get; set; }

    /// <summary>
    /// On read the raw property block with everything in it. On write the forwardable properties, encoded (what
    /// <see cref="WriteForwardable"/> made): copied as they are, beside alias, expiry and subscription identifiers from
    /// their fields.
    /// </summary>
    public ReadOnlySpan<byte> PropertyBlock { get; set; }

    public ReadOnlySpan<byte> Payload { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out PublishPacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsOf(frame, PacketType.Publish, out violation))
        {
            return false;
        }

        packet.Duplicate = (frame.Flags & 0x08) != 0;
        packet.QoS = (QoS)((frame.Flags >> 1) & 0x03);
        packet.Retain = (frame.Flags & 0x01) != 0;
        if (packet.QoS > QoS.ExactlyOnce) // [MQTT-3.3.1-4]
        {
            violation = Violation.Malformed("PUBLISH has QoS 3");
            return false;
        }

        if (packet.Duplicate && packet.QoS == QoS.AtMostOnce) // [MQTT-3.3.1-2]
        {
            violation = Violation.Malformed("PUBLISH has DUP and QoS 0");
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (!reader.TryReadUtf8(out ReadOnlySpan<byte> topic)) // [MQTT-3.3.2-1]
        {
            violation = Violation.Malformed("Topic Name is cut off or not acceptable UTF-8");
            return false;
        }

        packet.Topic = topic;
        if (packet.QoS != QoS.AtMostOnce)
        {
            if (!reader.TryReadPacketId(out ushort packetId, out violation))
            {
                return false;
            }

            packet.PacketId = packetId;
        }

        if (version == ProtocolVersion.Mqtt50)
        {
            if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block, out violation))
            {
                return false;
            }

            if (!block.IsEmpty && !packet.TryReadProperties(block, out violation))
            {
                return false;
            }
        }

        packet.Payload = reader.Rest;
        return packet.IsTopicAcceptable(version, out violation);
    }

    /// <summary>Bytes that <see cref="WriteForwardable"/> writes. Only of a packet that was read.</summary>
    public readonly int MeasureForwardable() => _forwardableLength;

    /// <summary>
    /// Copies the properties that a server forwards unaltered, in order: everything except Topic Alias, Message Expiry
    /// Interval and Subscription Identifier. Returns the bytes written. Only of a packet that was read.
    /// </summary>
    public readonly int WriteForwardable(Span<byte> destination)
    {
        if (_forwardableLength != PropertyBlock.Length)
        {
            return ForwardableProperties.Write(PropertyBlock, destination);
        }

        PropertyBlock.CopyTo(destination);
        return _forwardableLength;
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        int head = WriteHead(destination, version);
        Payload.CopyTo(destination[head..]);
        return head + Payload.Length;
    }

    /// <summary>
    /// Writes everything before the payload, for a sender that passes the payload on by reference; returns the bytes written.
    /// </summary>
    public readonly int WriteHead(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        int flags = (Duplicate ? 0x08 : 0) | ((int)QoS << 1) | (Retain ? 0x01 : 0);
        FixedHeader.Write(ref writer, PacketType.Publish, flags, MeasureBody(version));
        writer.WriteUtf8(Topic);
        if (QoS != QoS.AtMostOnce)
        {
            writer.WriteUInt16(PacketId);
        }

        if (version == ProtocolVersion.Mqtt50)
        {
            WriteProperties(ref writer);
        }

        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        PropertyBlock = block;
        _forwardableLength = block.Length;
        var properties = new PropertyReader(block, PropertyScope.Publish);
        while (properties.TryNext(out Property property))
        {
            switch (property.Id)
            {
                case PropertyId.TopicAlias:
                    TopicAlias = (ushort)property.Number;
                    _forwardableLength -= property.Encoded.Length;
                    break;
                case PropertyId.MessageExpiryInterval:
                    HasMessageExpiry = true;
                    MessageExpirySeconds = property.Number;
                    _forwardableLength -= property.Encoded.Length;
                    break;
                case PropertyId.SubscriptionIdentifier:
                    SubscriptionIdCount++;
                    _forwardableLength -= property.Encoded.Length;
                    break;
                case PropertyId.PayloadFormatIndicator:
                    PayloadFormat = property.Number != 0;
                    break;
                case PropertyId.ContentType:
                    HasContentType = true;
                    ContentType = property.Text;
                    break;
                case PropertyId.ResponseTopic:
                    ResponseTopic = property.Text;
                    break;
                case PropertyId.CorrelationData:
                    HasCorrelationData = true;
                    CorrelationData = property.Text;
                    break;
            }
        }

        violation = properties.Violation;
        return violation.IsNone;
    }

    private readonly bool IsTopicAcceptable(ProtocolVersion version, out Violation violation)
    {
        violation = default;
        if (TopicName.IsValid(Topic))
        {
            return true;
        }

        if (!Topic.IsEmpty) // [MQTT-3.3.2-2]
        {
            violation = new Violation(ReasonCode.TopicNameInvalid, "Topic Name contains a wildcard");
        }
        else if (version != ProtocolVersion.Mqtt50) // [MQTT-4.7.3-1]
        {
            violation = new Violation(ReasonCode.TopicNameInvalid, "Topic Name is empty");
        }
        else if (TopicAlias == 0)
        {
            violation = Violation.Protocol("Neither Topic Name nor Topic Alias");
        }

        return violation.IsNone;
    }

    private readonly int MeasureBody(ProtocolVersion version)
    {
        int length = 2 + Topic.Length + (QoS == QoS.AtMostOnce ? 0 : 2) + Payload.Length;
        if (version == ProtocolVersion.Mqtt50)
        {
            int properties = MeasureProperties();
            length += PacketWriter.VariableByteIntegerLength((uint)properties) + properties;
        }

        return length;
    }

    private readonly int MeasureProperties()
    {
        int length = PropertyBlock.Length + (HasMessageExpiry ? 5 : 0) + (TopicAlias == 0 ? 0 : 3);
        foreach (uint id in SubscriptionIdentifiers)
        {
            length += 1 + PacketWriter.VariableByteIntegerLength(id);
        }

        return length;
    }

    private readonly void WriteProperties(scoped ref PacketWriter writer)
    {
        writer.WriteVariableByteInteger((uint)MeasureProperties());
        if (HasMessageExpiry)
        {
            writer.WriteByte((byte)PropertyId.MessageExpiryInterval);
            writer.WriteUInt32(MessageExpirySeconds);
        }

        if (TopicAlias != 0)
        {
            writer.WriteByte((byte)PropertyId.TopicAlias);
            writer.WriteUInt16(TopicAlias);
        }

        foreach (uint id in SubscriptionIdentifiers)
        {
            writer.WriteByte((byte)PropertyId.SubscriptionIdentifier);
            writer.WriteVariableByteInteger(id);
        }

        writer.WriteRaw(PropertyBlock);
    }
}
