using System.Text;

namespace Whimbrel.Storage;

/// <summary>Writes one record's value into a reused buffer. Numbers take seven bits a byte, the lowest first.</summary>
internal sealed class RecordWriter
{
    private const int NumberLength = 10;

    private byte[] _buffer = new byte[1024];
    private int _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public void Clear() => _length = 0;

    public void Byte(byte value)
    {
        Reserve(1);
        _buffer[_length++] = value;
    }

    public void Number(long value) => Number((ulong)value);

    public void Number(ulong value)
    {
        Reserve(NumberLength);
        for (; value >= 0x80; value >>= 7)
            _buffer[_length++] = (byte)(value | 0x80);
        _buffer[_length++] = (byte)value;
    }

    /// <summary>A number of either sign that is small more often than not.</summary>
    public void Difference(long value) => Number((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Bytes behind their length.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        Number(bytes.Length);
        Reserve(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <summary>UTF-8 behind its length.</summary>
    public void Text(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        Number(length);
        Reserve(length);
        _length += Encoding.UTF8.GetBytes(text, _buffer.AsSpan(_length));
    }

    private void Reserve(int more)
    {
        if (_length + more > _buffer.Length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + more));
    }
}
