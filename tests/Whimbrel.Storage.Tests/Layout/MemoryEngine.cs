using System.Buffers.Binary;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>An engine whose disk is sorted dictionaries. It reads the batches byte by byte and holds their author to the rules.</summary>
internal sealed class MemoryEngine : IEngine
{
    private readonly SortedDictionary<byte[], byte[]>[] _families = [.. Enum.GetValues<Family>().Select(_ => new SortedDictionary<byte[], byte[]>(new ByOrder()))];
    private readonly Dictionary<string, int> _puts = [];

    /// <summary>What the next write fails with, or null.</summary>
    public StoreException? Failure { get; set; }

    /// <summary>Whether a write that fails reaches the disk all the same.</summary>
    public bool WritesDespiteFailure { get; set; }

    public int Writes { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>The operations of the last batch, readable.</summary>
    public List<string> LastBatch { get; } = [];

    public SortedDictionary<byte[], byte[]> this[Family family] => _families[(int)family];

    public IEnumerable<string> Keys(Family family) => this[family].Keys.Select(Convert.ToHexString);

    public void Write(EngineBatch batch)
    {
        if (Failure is { } failure)
        {
            if (WritesDespiteFailure)
                Apply(batch.Bytes);
            throw failure;
        }

        Writes++;
        Apply(batch.Bytes);
    }

    public void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit)
    {
        foreach ((byte[] key, byte[] value) in this[family])
        {
            if (key.AsSpan().SequenceCompareTo(from) >= 0 && (to.IsEmpty || key.AsSpan().SequenceCompareTo(to) < 0))
                visit(key, value);
        }
    }

    public void Checkpoint(string directory) => throw new NotSupportedException();

    public void Dispose() => IsDisposed = true;

    private void Apply(ReadOnlySpan<byte> bytes)
    {
        LastBatch.Clear();
        int count = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        int at = 12;
        for (; count > 0; count--)
        {
            var tag = (EngineTag)bytes[at++];
            var family = (Family)(Number(bytes, ref at) - 1);
            byte[] key = Slice(bytes, ref at);
            byte[] value = tag == EngineTag.Put ? Slice(bytes, ref at) : [];
            Apply(tag, family, key, value);
        }

        Assert.Equal(bytes.Length, at);
    }

    private void Apply(EngineTag tag, Family family, byte[] key, byte[] value)
    {
        string name = $"{family} {Convert.ToHexString(key)}";
        LastBatch.Add($"{tag} {name}");
        if (tag == EngineTag.Put)
        {
            this[family][key] = value;
            _puts[name] = _puts.GetValueOrDefault(name) + 1;
            return;
        }

        if (tag == EngineTag.DeleteOnce)
            Assert.True(_puts.GetValueOrDefault(name) == 1, $"{name} was put {_puts.GetValueOrDefault(name)} times and is removed as if it were once");
        _puts.Remove(name);
        this[family].Remove(key);
    }

    private static byte[] Slice(ReadOnlySpan<byte> bytes, ref int at)
    {
        int length = Number(bytes, ref at);
        at += length;
        return bytes.Slice(at - length, length).ToArray();
    }

    private static int Number(ReadOnlySpan<byte> bytes, ref int at)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = bytes[at++];
            value |= (part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
    }

    private sealed class ByOrder : IComparer<byte[]>
    {
        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}
