using System.Text;
using System.Text.Unicode;
using Whimbrel.Protocol;

namespace Whimbrel.Storage;

/// <summary>
/// Reads one record's value. Every read either gives what was written or throws <see cref="InvalidDataException"/>, whose message says
/// what is wrong with the record; whoever reads the store adds which one it is.
/// </summary>
internal ref struct RecordReader(ReadOnlySpan<byte> record)
{
    private readonly ReadOnlySpan<byte> _record = record;
    private int _at;

    public readonly int Remaining => _record.Length - _at;

    public byte Byte()
    {
        if (Remaining == 0)
            throw TooShort();
        return _record[_at++];
    }

    /// <summary>A byte of flags.</summary>
    /// <param name="known">The bits that this format gives a meaning.</param>
    public byte Flags(byte known)
    {
        byte flags = Byte();
        if ((flags & ~known) != 0)
            throw new InvalidDataException($"has flags 0x{flags:X2} that no version wrote");
        return flags;
    }

    public ulong Number()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = Byte();
            if (shift == 63 && part > 1)
                throw new InvalidDataException("has a number that is too large");
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
    }

    /// <summary>A number in a range, which it has to be in for the record to make sense.</summary>
    public long Number(long from, long to, string what)
    {
        long value = (long)Number();
        if (value < from || value > to)
            throw new InvalidDataException($"has {what} {value}");
        return value;
    }

    public uint UInt32(string what) => (uint)Number(0, uint.MaxValue, what);

    public long Difference()
    {
        ulong value = Number();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public ReadOnlySpan<byte> Bytes()
    {
        ulong length = Number();
        if (length > (ulong)Remaining)
            throw TooShort();
        ReadOnlySpan<byte> bytes = _record.Slice(_at, (int)length);
        _at += bytes.Length;
        return bytes;
    }

    /// <summary>UTF-8, checked.</summary>
    public ReadOnlySpan<byte> Text() => Checked(Bytes());

    public string String() => Encoding.UTF8.GetString(Text());

    public static ReadOnlySpan<byte> Checked(ReadOnlySpan<byte> text) =>
        Utf8.IsValid(text) ? text : throw new InvalidDataException("has a text that is not UTF-8");

    /// <summary>A topic, which must not be empty.</summary>
    public static ReadOnlySpan<byte> CheckedTopic(ReadOnlySpan<byte> topic) =>
        topic.Length is > 0 and <= ushort.MaxValue ? Checked(topic) : throw new InvalidDataException($"has a topic of {topic.Length} bytes");

    /// <summary>The QoS in the lowest bits of a byte.</summary>
    public static QoS QoSIn(byte flags) =>
        (flags & 0x03) <= (int)QoS.ExactlyOnce ? (QoS)(flags & 0x03) : throw new InvalidDataException("has QoS 3");

    /// <summary>The record has to end here.</summary>
    public readonly void End()
    {
        if (Remaining > 0)
            throw new InvalidDataException($"has {Remaining} bytes too many");
    }

    private static InvalidDataException TooShort() => new("ends too early");
}
