namespace Whimbrel.Protocol;

/// <summary>The topic filters of an UNSUBSCRIBE's payload that a parser has accepted, in their order.</summary>
public readonly ref struct FilterList(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _payload = payload;

    public Enumerator GetEnumerator() => new(_payload);

    public ref struct Enumerator
    {
        private PacketReader _reader;

        internal Enumerator(ReadOnlySpan<byte> payload) => _reader = new PacketReader(payload);

        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            bool isOne = _reader.TryReadBinary(out ReadOnlySpan<byte> filter);
            Current = filter;
            return isOne;
        }
    }
}

/// <summary>UNSUBSCRIBE of all versions, for reading and writing.</summary>
public ref struct UnsubscribePacket : IPacket
{
    /// <summary>Never 0.</summary>
    public ushort PacketId { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    /// <summary>The payload: filters, made by <see cref="EncodeFilter"/> for writing.</summary>
    public ReadOnlySpan<byte> EncodedFilters { get; set; }

    /// <summary>How many <see cref="Filters"/> were read: at least 1.</summary>
    public int FilterCount { get; private set; }

    public readonly FilterList Filters => new(EncodedFilters);

    public static bool TryParse(in Frame frame, ProtocolVersion version, out UnsubscribePacket packet, out Violation violation)
    {
        packet = default;
        if (!FixedHeader.IsRequest(frame, PacketType.Unsubscribe, version, out violation))
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

            packet.UserPropertyBlock = block;
            if (!PropertyReader.IsAcceptable(block, PropertyScope.Unsubscribe, out violation))
            {
                return false;
            }
        }

        packet.EncodedFilters = reader.Rest;
        packet.FilterCount = CountFilters(reader, out violation);
        return violation.IsNone;
    }

    /// <summary>Bytes that <see cref="EncodeFilter"/> writes.</summary>
    public static int MeasureFilter(ReadOnlySpan<byte> filter) => 2 + filter.Length;

    /// <summary>Appends one filter to a payload in the making.</summary>
    public static void EncodeFilter(ref PacketWriter writer, scoped ReadOnlySpan<byte> filter) => writer.WriteUtf8(filter);

    /// <summary>Bytes of the whole packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version, out _));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        FixedHeader.Write(ref writer, PacketType.Unsubscribe, 0x02, MeasureBody(version, out int propertyLength));
        writer.WriteUInt16(PacketId);
        if (version == ProtocolVersion.Mqtt50)
        {
            writer.WriteVariableByteInteger((uint)propertyLength);
            var properties = new PropertyWriter(writer.Take(propertyLength));
            properties.AddUserProperties(UserPropertyBlock);
        }

        writer.WriteRaw(EncodedFilters);
        return writer.Written;
    }

    private static int CountFilters(PacketReader reader, out Violation violation)
    {
        violation = default;
        int count = 0;
        while (reader.Remaining > 0)
        {
            if (!reader.TryReadUtf8(out ReadOnlySpan<byte> filter)) // [MQTT-3.10.3-1]
            {
                violation = Violation.Malformed("Topic Filter is cut off or not acceptable UTF-8");
                return count;
            }

            if (!TopicFilter.TryParse(filter, out _))
            {
                violation = new Violation(ReasonCode.TopicFilterInvalid, "Topic Filter is not well-formed");
                return count;
            }

            count++;
        }

        if (count == 0) // [MQTT-3.10.3-2]
        {
            violation = Violation.Protocol("UNSUBSCRIBE has no Topic Filter");
        }

        return count;
    }

    private readonly int MeasureBody(ProtocolVersion version, out int propertyLength)
    {
        propertyLength = 0;
        if (version != ProtocolVersion.Mqtt50)
        {
            return 2 + EncodedFilters.Length;
        }

        PropertyWriter properties = default;
        properties.AddUserProperties(UserPropertyBlock);
        propertyLength = properties.Length;
        return 2 + PacketWriter.VariableByteIntegerLength((uint)propertyLength) + propertyLength + EncodedFilters.Length;
    }
}
