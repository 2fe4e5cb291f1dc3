namespace Whimbrel.Protocol;

/// <summary>PUBACK, PUBREC, PUBREL and PUBCOMP of all versions, for reading and writing; they differ in little but the type.</summary>
public ref struct AckPacket : IPacket
{
    /// <summary>Which of the four.</summary>
    public PacketType Type { get; set; }

    /// <summary>Never 0.</summary>
    public ushort PacketId { get; set; }

    /// <summary>5.0; Success in 3.x, which cannot say anything else.</summary>
    public ReasonCode Reason { get; set; }

    /// <summary>Empty means none.</summary>
    public ReadOnlySpan<byte> ReasonString { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out AckPacket packet, out Violation violation)
    {
        packet = default;
        if (frame.Type is not (PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp))
        {
            violation = Violation.Malformed("Packet is of another type");
            return false;
        }

        violation = default;
        if (frame.Type == PacketType.PubRel && !FixedHeader.IsRequest(frame, PacketType.PubRel, version, out violation))
        {
            return false;
        }

        packet.Type = frame.Type;
        var reader = new PacketReader(frame.Body);
        if (!reader.TryReadPacketId(out ushort packetId, out violation))
        {
            return false;
        }

        packet.PacketId = packetId;

        // Two bytes stand for Success in 5.0 as well.
        if (reader.Remaining == 0)
        {
            return true;
        }

        if (version != ProtocolVersion.Mqtt50)
        {
            violation = Violation.Malformed("Acknowledgement has bytes after its last field");
            return false;
        }

        return packet.TryReadReason(reader, out violation);
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet, in 5.0 in the shortest form that says everything; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        int body = MeasureBody(version, out int propertyLength);
        FixedHeader.Write(ref writer, Type, Type == PacketType.PubRel ? 0x02 : 0, body); // [MQTT-3.6.1-1]
        writer.WriteUInt16(PacketId);
        if (body > 2)
        {
            writer.WriteByte((byte)Reason);
        }

        if (body > 3)
        {
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            AddProperties(ref properties);
        }

        return writer.Written;
    }

    private bool TryReadReason(PacketReader reader, out Violation violation)
    {
        violation = default;
        _ = reader.TryReadByte(out byte code);
        Reason = (ReasonCode)code;
        if (!ReasonCodes.IsAllowed(Type, Reason)) // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
        {
            violation = Violation.Protocol("Reason code is not one of this acknowledgement");
            return false;
        }

        // Three bytes: the reason without properties.
        if (reader.Remaining == 0)
        {
            return true;
        }

        if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block) || reader.Remaining != 0)
        {
            violation = Violation.Malformed("Properties are cut off or followed by more bytes");
            return false;
        }

        UserPropertyBlock = block;
        var properties = new PropertyReader(block, (PropertyScope)Type);
        while (properties.TryNext(out Property property))
        {
            if (property.Id == PropertyId.ReasonString)
            {
                ReasonString = property.Text;
            }
        }

        violation = properties.Violation;
        return violation.IsNone;
    }

    private readonly int MeasureBody(ProtocolVersion version, out int propertyLength)
    {
        propertyLength = 0;
        if (version != ProtocolVersion.Mqtt50)
        {
            return 2;
        }

        PropertyWriter properties = default;
        AddProperties(ref properties);
        propertyLength = properties.Length;
        if (propertyLength == 0)
        {
            return Reason == ReasonCode.Success ? 2 : 3;
        }

        return 3 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddUnlessEmpty(PropertyId.ReasonString, ReasonString);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
