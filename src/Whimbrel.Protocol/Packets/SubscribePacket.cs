namespace Whimbrel.Protocol;

/// <summary>SUBSCRIBE of all versions, for reading and writing.</summary>
public ref struct SubscribePacket : IPacket
{
    /// <summary>Never 0.</summary>
    public ushort PacketId { get; set; }

    /// <summary>0 means none.</summary>
    public uint SubscriptionIdentifier { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    /// <summary>The payload: filters and options, made by <see cref="EncodeFilter"/> for writing.</summary>
    public ReadOnlySpan<byte> EncodedFilters { get; set; }

    /// <summary>How many <see cref="Filters"/> were read: at least 1.</summary>
    public int FilterCount { get; private set; }

    public readonly SubscriptionRequests Filters => new(EncodedFilters);

    public static bool TryParse(in Frame frame, ProtocolVersion version, out SubscribePacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsRequest(frame, PacketType.Subscribe, version, out violation))
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

        packet.EncodedFilters = reader.Rest;
        packet.FilterCount = CountFilters(reader, version, out violation);
        return violation.IsNone;
    }

    /// <summary>Bytes that <see cref="EncodeFilter"/> writes.</summary>
    public static int MeasureFilter(ReadOnlySpan<byte> filter) => 3 + filter.Length;

    /// <summary>Appends one filter to a payload in the making.</summary>
    public static void EncodeFilter(ref PacketWriter writer, scoped ReadOnlySpan<byte> filter, SubscriptionOptions options)
    {
        writer.WriteUtf8(filter);
        writer.WriteByte(options.Bits);
    }

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        FixedHeader.Write(ref writer, PacketType.Subscribe, 0x02, MeasureBody(version, out int propertyLength));
        writer.WriteUInt16(PacketId);
        if (version == ProtocolVersion.Mqtt50)
        {
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            AddProperties(ref properties);
        }

        writer.WriteRaw(EncodedFilters);
        return writer.Written;
    }

    private bool TryReadProperties(ReadOnlySpan<byte> block, out Violation violation)
    {
        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.Subscribe);
        while (properties.TryNext(out Property property))
        {
            if (property.Id == PropertyId.SubscriptionIdentifier)
            {
                SubscriptionIdentifier = property.Number;
            }
        }

        violation = properties.Violation;
        return violation.IsNone;
    }

    private static int CountFilters(PacketReader reader, ProtocolVersion version, out Violation violation)
    {
        violation = default;
        int count = 0;
        while (reader.Remaining > 0)
        {
            if (!reader.TryReadUtf8(out ReadOnlySpan<byte> filter)) // [MQTT-3.8.3-1]
            {
                violation = Violation.Malformed("Topic Filter is cut off or not acceptable UTF-8");
                return count;
            }

            if (!reader.TryReadByte(out byte bits))
            {
                violation = Violation.Malformed("Subscription Options are missing");
                return count;
            }

            violation = Check(filter, new SubscriptionOptions(bits), version);
            if (!violation.IsNone)
            {
                return count;
            }

            count++;
        }

        if (count == 0) // [MQTT-3.8.3-2]
        {
            violation = Violation.Protocol("SUBSCRIBE has no Topic Filter");
        }

        return count;
    }

    private static Violation Check(ReadOnlySpan<byte> utf8, SubscriptionOptions options, ProtocolVersion version)
    {
        int reserved = version == ProtocolVersion.Mqtt50 ? 0xC0 : 0xFC;
        if ((options.Bits & reserved) != 0) // [MQTT-3.8.3-5]
        {
            return Violation.Malformed("Reserved bits of the Subscription Options are set");
        }

        if (options.QoS > QoS.ExactlyOnce)
        {
            return Violation.Protocol("Subscription Options have QoS 3");
        }

        if (options.RetainHandling > RetainHandling.DoNotSend)
        {
            return Violation.Protocol("Subscription Options have Retain Handling 3");
        }

        if (!TopicFilter.TryParse(utf8, out TopicFilter filter))
        {
            return new Violation(ReasonCode.TopicFilterInvalid, "Topic Filter is not well-formed");
        }

        return filter.IsShared && options.NoLocal // [MQTT-3.8.3-4]
            ? Violation.Protocol("No Local on a shared subscription")
            : default;
    }

    private readonly int MeasureBody(ProtocolVersion version, out int propertyLength)
    {
        propertyLength = 0;
        if (version != ProtocolVersion.Mqtt50)
        {
            return 2 + EncodedFilters.Length;
        }

        PropertyWriter properties = default;
        AddProperties(ref properties);
        propertyLength = properties.Length;
        return 2 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength + EncodedFilters.Length;
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties)
    {
        properties.AddIfSet(PropertyId.SubscriptionIdentifier, SubscriptionIdentifier == 0 ? default(uint?) : SubscriptionIdentifier);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
