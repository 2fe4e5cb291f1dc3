namespace Whimbrel.Protocol;

/// <summary>UNSUBACK of all versions, for reading and writing.</summary>
public ref struct UnsubAckPacket : IPacket
{
    /// <summary>Never 0.</summary>
    public ushort PacketId { get; set; }

    /// <summary>One byte per filter, in its order [MQTT-3.11.3-1]. 3.x has no payload, and none is written there.</summary>
    public ReadOnlySpan<byte> ReasonCodes { get; set; }

    /// <summary>Empty means none.</summary>
    public ReadOnlySpan<byte> ReasonString { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out UnsubAckPacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsOf(frame, PacketType.UnsubAck, out violation))
        {
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (!reader.TryReadPacketId(out ushort packetId, out violation))
        {
            return false;
        }

        packet.PacketId = packetId;

        if (version == ProtocolVersion.Mqtt50)
        {
            if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block, out violation))
            {
                return false;
            }

            if (!packet.TryReadProperties(block, out violation))
            {
                return false;
            }
        }

        packet.ReasonCodes = reader.Rest;
        violation = CheckCodes(packet.ReasonCodes, version);
        return violation.IsNone;
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        FixedHeader.Write(ref writer, PacketType.UnsubAck, 0, MeasureBody(version, out int propertyLength));
        writer.WriteUInt16(PacketId);
        if (version == ProtocolVersion.Mqtt50)
        {
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            AddProperties(ref properties);
            writer.WriteRaw(ReasonCodes);
        }

        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.UnsubAck);
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

    private static Violation CheckCodes(ReadOnlySpan<byte> codes, ProtocolVersion version)
    {
        if (version != ProtocolVersion.Mqtt50)
        {
            return codes.IsEmpty ? default : Violation.Malformed("UNSUBACK has bytes after its last field");
        }

        if (codes.IsEmpty)
        {
            return Violation.Protocol("UNSUBACK has no reason code");
        }

        foreach (byte code in codes)
        {
            if (!Protocol.ReasonCodes.IsAllowed(PacketType.UnsubAck, (ReasonCode)code)) // [MQTT-3.11.3-2]
            {
                return Violation.Protocol("Reason code is not one of UNSUBACK");
            }
        }

        return default;
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
        return 2 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength + ReasonCodes.Length;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddUnlessEmpty(PropertyId.ReasonString, ReasonString);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
