namespace Whimbrel.Protocol;

/// <summary>AUTH, for reading and writing. 5.0 only: type 15 is reserved in 3.x.</summary>
public ref struct AuthPacket : IPacket
{
    /// <summary>Success, Continue authentication or Re-authenticate.</summary>
    public ReasonCode Reason { get; set; }

    /// <summary>False only in the empty form, which stands for Success.</summary>
    public bool HasAuthenticationMethod { get; set; }

    public ReadOnlySpan<byte> AuthenticationMethod { get; set; }

    public bool HasAuthenticationData { get; set; }

    public ReadOnlySpan<byte> AuthenticationData { get; set; }

    /// <summary>Empty means none.</summary>
    public ReadOnlySpan<byte> ReasonString { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out AuthPacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsOf(frame, PacketType.Auth, out violation))
        {
            return false;
        }

        if (version != ProtocolVersion.Mqtt50)
        {
            violation = Violation.Malformed("Packet type 15 is reserved before MQTT 5.0");
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (reader.Remaining == 0)
        {
            return true;
        }

        _ = reader.TryReadByte(out byte code);
        packet.Reason = (ReasonCode)code;
        if (!ReasonCodes.IsAllowed(PacketType.Auth, packet.Reason)) // [MQTT-3.15.2-1]
        {
            violation = Violation.Protocol("Reason code is not one of AUTH");
            return false;
        }

        if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block) || reader.Remaining != 0)
        {
            violation = Violation.Malformed("Properties are cut off or followed by more bytes");
            return false;
        }

        return packet.TryReadProperties(block, out violation);
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(out _));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        int body = MeasureBody(out int propertyLength);
        FixedHeader.Write(ref writer, PacketType.Auth, 0, body);
        if (body > 0)
        {
            writer.WriteByte((byte)Reason);
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            AddProperties(ref properties);
        }

        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.Auth);
        while (properties.TryNext(out Property property))
        {
            switch (property.Id)
            {
                case PropertyId.AuthenticationMethod:
                    HasAuthenticationMethod = true;
                    AuthenticationMethod = property.Text;
                    break;
                case PropertyId.AuthenticationData:
                    HasAuthenticationData = true;
                    AuthenticationData = property.Text;
                    break;
                case PropertyId.ReasonString:
                    ReasonString = property.Text;
                    break;
            }
        }

        violation = properties.Violation;
        if (violation.IsNone && !HasAuthenticationMethod)
        {
            violation = Violation.Protocol("AUTH has no Authentication Method");
        }

        return violation.IsNone;
    }

    private readonly int MeasureBody(out int propertyLength)
    {
        PropertyWriter properties = default;
        AddProperties(ref properties);
        propertyLength = properties.Length;
        return propertyLength == 0 && Reason == ReasonCode.Success
            ? 0
            : 1 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddIfHas(HasAuthenticationMethod, PropertyId.AuthenticationMethod, AuthenticationMethod);
        properties.AddIfHas(HasAuthenticationData, PropertyId.AuthenticationData, AuthenticationData);
        properties.AddUnlessEmpty(PropertyId.ReasonString, ReasonString);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
