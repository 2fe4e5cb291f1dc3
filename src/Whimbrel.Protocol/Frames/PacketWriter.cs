using System.Buffers.Binary;

namespace Whimbrel.Protocol;

/// <summary>
/// A cursor that writes into a span which the caller has measured: too small a span is the caller's mistake and throws.
/// </summary>
public ref struct PacketWriter(Span<byte> destination)
{
    /// <summary>The largest number that a variable byte integer holds.</summary>
    public const uint VariableByteIntegerMax = 268_435_455;

    private readonly Span<byte> _destination = destination;
    private int _position;

    /// <summary>Bytes written so far.</summary>
    public readonly int Written => _position;

    /// <summary>Bytes that <paramref name="value"/> needs as a variable byte integer: 1 to 4.</summary>
    public static int VariableByteIntegerLength(uint value) => value switch
    {
        < 128 => 1,
        < 16_384 => 2,
        < 2_097_152 => 3,
        <= VariableByteIntegerMax => 4,
        _ => throw new ArgumentOutOfRangeException(nameof(value), "A variable byte integer holds at most 268,435,455."),
    };

    public void WriteByte(byte value) => _destination[_position++] = value;

    public void WriteUInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_destination[_position..], value);
        _position += 2;
    }

    public void WriteUInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_destination[_position..], value);
        _position += 4;
    }

    /// <summary>Writes in the fewest bytes [MQTT-1.5.5-1].</summary>
    public void WriteVariableByteInteger(uint value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, VariableByteIntegerMax);
        while (value >= 0x80)
        {
            _destination[_position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _destination[_position++] = (byte)value;
    }

    /// <summary>Writes a two-byte length and the bytes: at most 65,535.</summary>
    public void WriteBinary(scoped ReadOnlySpan<byte> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, ushort.MaxValue, nameof(value));
        WriteUInt16((ushort)value.Length);
        WriteRaw(value);
    }

    /// <summary>Writes text that is UTF-8 already; whoever made it answers for its rules.</summary>
    public void WriteUtf8(scoped ReadOnlySpan<byte> value) => WriteBinary(value);

    public void WriteRaw(scoped ReadOnlySpan<byte> value)
    {
        value.CopyTo(_destination[_position..]);
        _position += value.Length;
    }

    /// <summary>Hands out the next <paramref name="length"/> bytes for somebody else to write, and moves past them.</summary>
    internal Span<byte> Take(int length)
    {
        Span<byte> taken = _destination.Slice(_position, length);
        _position += length;
        return taken;
    }
}
