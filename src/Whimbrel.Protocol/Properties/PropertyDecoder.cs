namespace Whimbrel.Protocol;

/// <summary>Reads one property by its type, without any rule of place, number or range.</summary>
internal static class PropertyDecoder
{
    /// <summary>False if the identifier is unknown or the value is cut off.</summary>
    internal static bool TryRead(scoped ref PacketReader reader, out Property property)
    {
        ReadOnlySpan<byte> start = reader.Rest;
        property = default;
        if (!reader.TryReadByte(out byte id))
        {
            return false;
        }

        uint number = 0;
        ReadOnlySpan<byte> text = default;
        ReadOnlySpan<byte> value = default;
        bool complete;
        PropertyKind kind = PropertyRules.Kind((PropertyId)id);
        switch (kind)
        {
            case PropertyKind.Byte:
                complete = reader.TryReadByte(out byte one);
                number = one;
                break;
            case PropertyKind.UInt16:
                complete = reader.TryReadUInt16(out ushort two);
                number = two;
                break;
            case PropertyKind.UInt32:
                complete = reader.TryReadUInt32(out number);
                break;
            case PropertyKind.VariableByteInteger:
                complete = reader.TryReadVariableByteInteger(out number);
                break;
            case PropertyKind.Utf8 or PropertyKind.Binary:
                complete = reader.TryReadBinary(out text);
                break;
            case PropertyKind.Utf8Pair:
                complete = reader.TryReadBinary(out text) && reader.TryReadBinary(out value);
                break;
            default:
                return false;
        }

        if (!complete)
        {
            return false;
        }

        property = new Property
        {
            Id = (PropertyId)id,
            Kind = kind,
            Number = number,
            Text = text,
            Value = value,
            Encoded = start[..(start.Length - reader.Remaining)],
        };
        return true;
    }
}
