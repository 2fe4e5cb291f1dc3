using System.Buffers.Binary;

namespace Whimbrel.Storage;

/// <summary>
/// Changes that are written together, encoded as RocksDB's write batch: an 8-byte sequence number and a 4-byte count, both little-endian,
/// then one record after the other: a tag, the family, key and value with their lengths as variable-length numbers.
/// </summary>
/// <remarks>Not thread-safe. Reused: <see cref="Clear"/> keeps the memory.</remarks>
internal sealed class EngineBatch
{
    private const int HeaderLength = 12;

    private byte[] _bytes = new byte[4096];

    public int Count { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>The encoded batch.</summary>
    public ReadOnlySpan<byte> Bytes
    {
        get
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_bytes, 0);
            BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(8), Count);
            return _bytes.AsSpan(0, Length);
        }
    }

    private int Length { get; set; } = HeaderLength;

    public void Clear()
    {
        Count = 0;
        Length = HeaderLength;
    }

    /// <summary>Sets a key's value.</summary>
    public void Put(Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Begin(EngineTag.Put, family, key, value.Length + 5);
        Append(value);
    }

    /// <summary>Removes a key, if it is there.</summary>
    public void Delete(Family family, ReadOnlySpan<byte> key) => Begin(EngineTag.Delete, family, key, 0);

    /// <summary>Removes a key that was put exactly once since it was last removed: cheaper than <see cref="Delete"/>, undefined otherwise.</summary>
    public void DeleteOnce(Family family, ReadOnlySpan<byte> key) => Begin(EngineTag.DeleteOnce, family, key, 0);

    private void Begin(EngineTag tag, Family family, ReadOnlySpan<byte> key, int more)
    {
        Reserve(1 + 5 + 5 + key.Length + more);
        Count++;
        _bytes[Length++] = (byte)tag;
        WriteNumber((uint)FamilyId(family));
        Append(key);
    }

    /// <summary>RocksDB numbers the column families in the order of their creation; 0 is its default family, which is not used.</summary>
    internal static int FamilyId(Family family) => (int)family + 1;

    private void Append(ReadOnlySpan<byte> bytes)
    {
        WriteNumber((uint)bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    private void WriteNumber(uint value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes[Length++] = (byte)(value | 0x80);
        _bytes[Length++] = (byte)value;
    }

    private void Reserve(int more)
    {
        if (Length + more > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + more));
    }
}

/// <summary>RocksDB's tags for records of a named column family.</summary>
internal enum EngineTag : byte
{
    Delete = 0x4,
    Put = 0x5,
    DeleteOnce = 0x8,
}
