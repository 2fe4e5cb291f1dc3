namespace Whimbrel.Protocol;

/// <summary>CONNACK of all versions, for reading and writing. Spans are views over the frame; empty ones are not written.</summary>
public ref struct ConnAckPacket : IPacket
{
    /// <summary>
    /// Written as false beside a refusal [MQTT-3.2.2-6] and in MQTT 3.1, which does not have it.
    /// </summary>
    public bool SessionPresent { get; set; }

    /// <summary>Decides in all versions what is written; on read of 3.x the counterpart of <see cref="ReturnCode"/>.</summary>
    public ReasonCode Reason { get; set; }

    /// <summary>3.x as read; on read of 5.0 the counterpart of <see cref="Reason"/>. Not looked at by <see cref="Write"/>.</summary>
    public ConnectReturnCode ReturnCode { get; set; }

    public uint? SessionExpirySeconds { get; set; }

    public ushort? ReceiveMaximum { get; set; }

    public QoS? MaximumQoS { get; set; }

    public bool? RetainAvailable { get; set; }

    public uint? MaximumPacketSize { get; set; }

    public ReadOnlySpan<byte> AssignedClientId { get; set; }

    public ushort? TopicAliasMaximum { get; set; }

    public ReadOnlySpan<byte> ReasonString { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    public bool? WildcardSubscriptionAvailable { get; set; }

    public bool? SubscriptionIdentifiersAvailable { get; set; }

    public bool? SharedSubscriptionAvailable { get; set; }

    public ushort? ServerKeepAliveSeconds { get; set; }

    public ReadOnlySpan<byte> ResponseInformation { get; set; }

    public ReadOnlySpan<byte> ServerReference { get; set; }

    public bool HasAuthenticationMethod { get; set; }

    public ReadOnlySpan<byte> AuthenticationMethod { get; set; }

    public bool HasAuthenticationData { get; set; }

    public ReadOnlySpan<byte> AuthenticationData { get; set; }

    public static bool TryParse(in Frame frame, ProtocolVersion version, out ConnAckPacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsOf(frame, PacketType.ConnAck, out violation))
        {
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (!reader.TryReadByte(out byte flags) || !reader.TryReadByte(out byte code))
        {
            violation = Violation.Malformed("CONNACK is cut off");
            return false;
        }

        if ((flags & 0xFE) != 0 && version != ProtocolVersion.Mqtt31) // [MQTT-3.2.2-1]
        {
            violation = Violation.Malformed("Reserved acknowledge flags are set");
            return false;
        }

        packet.SessionPresent = (flags & 0x01) != 0 && version != ProtocolVersion.Mqtt31;
        if (version == ProtocolVersion.Mqtt50)
        {
            packet.Reason = (ReasonCode)code;
            packet.ReturnCode = ReasonCodes.ToReturnCode(packet.Reason);
            if (!ReasonCodes.IsAllowed(PacketType.ConnAck, packet.Reason)) // [MQTT-3.2.2-8]
            {
                violation = Violation.Protocol("Reason code is not one of CONNACK");
                return false;
            }

            if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block, out violation))
            {
                return false;
            }

            if (!packet.TryReadProperties(block, out violation))
            {
                return false;
            }
        }
        else
        {
            packet.ReturnCode = (ConnectReturnCode)code;
            packet.Reason = ReasonCodes.FromReturnCode(packet.ReturnCode);
            if (packet.ReturnCode > ConnectReturnCode.NotAuthorized)
            {
                violation = Violation.Protocol("Return code of CONNACK is reserved");
                return false;
            }
        }

        if (packet.SessionPresent && code != 0) // [MQTT-3.2.2-6]
        {
            violation = Violation.Protocol("CONNACK refuses and has Session Present");
            return false;
        }

        if (reader.Remaining != 0)
        {
            violation = Violation.Malformed("CONNACK has bytes after its last field");
            return false;
        }

        return true;
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        FixedHeader.Write(ref writer, PacketType.ConnAck, 0, MeasureBody(version, out int propertyLength));
        bool isAccepted = Reason == ReasonCode.Success;
        writer.WriteByte(SessionPresent && isAccepted && version != ProtocolVersion.Mqtt31 ? (byte)1 : (byte)0);
        if (version != ProtocolVersion.Mqtt50)
        {
            writer.WriteByte((byte)ReasonCodes.ToReturnCode(Reason));
            return writer.Written;
        }

        writer.WriteByte((byte)Reason);
        writer.WriteVariableByteInteger((uint)propertyLength);
        var properties = new PropertyWriter(writer.Take(propertyLength));
        AddProperties(ref properties);
        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.ConnAck);
        while (properties.TryNext(out Property property))
        {
            Take(property);
        }

        violation = properties.Violation;
        return violation.IsNone;
    }

    private void Take(Property property)
    {
        switch (property.Id)
        {
            case PropertyId.SessionExpiryInterval:
                SessionExpirySeconds = property.Number;
                break;
            case PropertyId.ReceiveMaximum:
                ReceiveMaximum = (ushort)property.Number;
                break;
            case PropertyId.MaximumQoS:
                MaximumQoS = (QoS)property.Number;
                break;
            case PropertyId.RetainAvailable:
                RetainAvailable = property.Number != 0;
                break;
            case PropertyId.MaximumPacketSize:
                MaximumPacketSize = property.Number;
                break;
            case PropertyId.AssignedClientIdentifier:
                AssignedClientId = property.Text;
                break;
            case PropertyId.TopicAliasMaximum:
                TopicAliasMaximum = (ushort)property.Number;
                break;
            case PropertyId.ReasonString:
                ReasonString = property.Text;
                break;
            case PropertyId.WildcardSubscriptionAvailable:
                WildcardSubscriptionAvailable = property.Number != 0;
                break;
            case PropertyId.SubscriptionIdentifierAvailable:
                SubscriptionIdentifiersAvailable = property.Number != 0;
                break;
            case PropertyId.SharedSubscriptionAvailable:
                SharedSubscriptionAvailable = property.Number != 0;
                break;
            case PropertyId.ServerKeepAlive:
                ServerKeepAliveSeconds = (ushort)property.Number;
                break;
            case PropertyId.ResponseInformation:
                ResponseInformation = property.Text;
                break;
            case PropertyId.ServerReference:
                ServerReference = property.Text;
                break;
            case PropertyId.AuthenticationMethod:
                HasAuthenticationMethod = true;
                AuthenticationMethod = property.Text;
                break;
            case PropertyId.AuthenticationData:
                HasAuthenticationData = true;
                AuthenticationData = property.Text;
                break;
        }
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
        return 2 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddIfSet(PropertyId.SessionExpiryInterval, SessionExpirySeconds);
        properties.AddIfSet(PropertyId.ReceiveMaximum, ReceiveMaximum);
        properties.AddIfSet(PropertyId.MaximumQoS, (uint?)MaximumQoS);
        properties.AddIfSet(PropertyId.RetainAvailable, RetainAvailable);
        properties.AddIfSet(PropertyId.MaximumPacketSize, MaximumPacketSize);
        properties.AddUnlessEmpty(PropertyId.AssignedClientIdentifier, AssignedClientId);
        properties.AddIfSet(PropertyId.TopicAliasMaximum, TopicAliasMaximum);
        properties.AddUnlessEmpty(PropertyId.ReasonString, ReasonString);
        properties.AddIfSet(PropertyId.WildcardSubscriptionAvailable, WildcardSubscriptionAvailable);
        properties.AddIfSet(PropertyId.SubscriptionIdentifierAvailable, SubscriptionIdentifiersAvailable);
        properties.AddIfSet(PropertyId.SharedSubscriptionAvailable, SharedSubscriptionAvailable);
        properties.AddIfSet(PropertyId.ServerKeepAlive, ServerKeepAliveSeconds);
        properties.AddUnlessEmpty(PropertyId.ResponseInformation, ResponseInformation);
        properties.AddUnlessEmpty(PropertyId.ServerReference, ServerReference);
        properties.AddIfHas(HasAuthenticationMethod, PropertyId.AuthenticationMethod, AuthenticationMethod);
        properties.AddIfHas(HasAuthenticationData, PropertyId.AuthenticationData, AuthenticationData);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
