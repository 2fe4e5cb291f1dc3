using System.Buffers.Binary;

namespace Whimbrel.Protocol;

/// <summary>
/// A cursor over a packet's body. Every read either succeeds and moves on, or returns false; after a false the position
/// is unspecified, because the packet is malformed anyway.
/// </summary>
public ref struct PacketReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>What has not been read.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    /// <summary>Bytes that have not been read.</summary>
    public readonly int Remaining => _rest.Length;

    public bool TryReadByte(out byte value)
    {
        if (_rest.IsEmpty)
        {
            value = 0;
            return false;
        }

        value = _rest[0];
        _rest = _rest[1..];
        return true;
    }

    public bool TryReadUInt16(out ushort value)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[2..];
        return true;
    }

    public bool TryReadUInt32(out uint value)
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[4..];
        return true;
    }

    /// <summary>Reads one to four bytes; longer than needed is as wrong as too long [MQTT-1.5.5-1].</summary>
    public bool TryReadVariableByteInteger(out uint value)
    {
        value = 0;
        for (int i = 0; i < 4 && i < _rest.Length; i++)
        {
            byte b = _rest[i];
            value |= (uint)(b & 0x7F) << (7 * i);
            if ((b & 0x80) == 0)
            {
                if (b == 0 && i > 0)
                {
                    return false;
                }

                _rest = _rest[(i + 1)..];
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a two-byte length and that many bytes.</summary>
    public bool TryReadBinary(out ReadOnlySpan<byte> value)
    {
        if (!TryReadUInt16(out ushort length))
        {
            value = default;
            return false;
        }

        return TryReadRaw(length, out value);
    }

    /// <summary>Reads a two-byte length and that many bytes of acceptable UTF-8 [MQTT-1.5.4-1] [MQTT-1.5.4-2].</summary>
    public bool TryReadUtf8(out ReadOnlySpan<byte> value) => TryReadBinary(out value) && Utf8Rules.IsValid(value);

    /// <summary>Reads exactly <paramref name="length"/> bytes.</summary>
    public bool TryReadRaw(int length, out ReadOnlySpan<byte> value)
    {
        if ((uint)length > (uint)_rest.Length)
        {
            value = default;
            return false;
        }

        value = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    /// <summary>Reads a Packet Identifier, which is never 0 [MQTT-2.2.1-3].</summary>
    public bool TryReadPacketId(out ushort packetId, out Violation violation)
    {
        violation = !TryReadUInt16(out packetId) ? Violation.Malformed("Packet Identifier is cut off")
            : packetId == 0 ? Violation.Protocol("Packet Identifier is 0")
            : default;
        return violation.IsNone;
    }

    /// <summary>Reads a Property Length and the properties' bytes, not yet looked at.</summary>
    public bool TryReadPropertyBlock(out ReadOnlySpan<byte> block)
    {
        if (!TryReadVariableByteInteger(out uint length))
        {
            block = default;
            return false;
        }

        return TryReadRaw((int)length, out block);
    }

    /// <summary>The same, with what is wrong when there is no such block.</summary>
    public bool TryReadPropertyBlock(out ReadOnlySpan<byte> block, out Violation violation)
    {
        violation = TryReadPropertyBlock(out block) ? default : Violation.Malformed("Properties are cut off");
        return violation.IsNone;
    }
}
