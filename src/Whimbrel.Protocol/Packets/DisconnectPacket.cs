namespace Whimbrel.Protocol;

/// <summary>DISCONNECT of all versions, for reading and writing. 3.x has no body and only a client sends it.</summary>
public ref struct DisconnectPacket : IPacket
{
    /// <summary>Success is the normal disconnection. Which side may say which code is not judged here.</summary>
    public ReasonCode Reason { get; set; }

    /// <summary>Only a client says it.</summary>
    public uint? SessionExpirySeconds { get; set; }

    /// <summary>Empty means none.</summary>
    public ReadOnlySpan<byte> ReasonString { get; set; }

    /// <summary>Empty means none.</summary>
    public ReadOnlySpan<byte> ServerReference { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out DisconnectPacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsOf(frame, PacketType.Disconnect, out violation))
        {
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (reader.Remaining == 0)
        {
            return true;
        }

        if (version != ProtocolVersion.Mqtt50)
        {
            violation = Violation.Malformed("DISCONNECT has a body");
            return false;
        }

        _ = reader.TryReadByte(out byte code);
        packet.Reason = (ReasonCode)code;
        if (!ReasonCodes.IsAllowed(PacketType.Disconnect, packet.Reason)) // [MQTT-3.14.2-1]
        {
            violation = Violation.Protocol("Reason code is not one of DISCONNECT");
            return false;
        }

        // One byte: the reason without properties.
        if (reader.Remaining == 0)
        {
            return true;
        }

        if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block) || reader.Remaining != 0)
        {
            violation = Violation.Malformed("Properties are cut off or followed by more bytes");
            return false;
        }

        return packet.TryReadProperties(block, out violation);
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet, in 5.0 in the shortest form that says everything; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        int body = MeasureBody(version, out int propertyLength);
        FixedHeader.Write(ref writer, PacketType.Disconnect, 0, body);
        if (body > 0)
        {
            writer.WriteByte((byte)Reason);
        }

        if (body > 1)
        {
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            AddProperties(ref properties);
        }

        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.Disconnect);
        while (properties.TryNext(out Property property))
        {
            switch (property.Id)
            {
                case PropertyId.SessionExpiryInterval:
                    SessionExpirySeconds = property.Number;
                    break;
                case PropertyId.ReasonString:
                    ReasonString = property.Text;
                    break;
                case PropertyId.ServerReference:
                    ServerReference = property.Text;
                    break;
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
            return 0;
        }

        PropertyWriter properties = default;
        AddProperties(ref properties);
        propertyLength = properties.Length;
        if (propertyLength == 0)
        {
            return Reason == ReasonCode.Success ? 0 : 1;
        }

        return 1 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddIfSet(PropertyId.SessionExpiryInterval, SessionExpirySeconds);
        properties.AddUnlessEmpty(PropertyId.ReasonString, ReasonString);
        properties.AddUnlessEmpty(PropertyId.ServerReference, ServerReference);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
