using System.Buffers.Binary;
using Whimbrel.Storage;

namespace Whimbrel.Simulation;

/// <summary>
/// What is on the disk: keys and values that outlive the broker's process. It knows how often a key was put since it was last removed,
/// because some removals are allowed after exactly one.
/// </summary>
internal sealed class SimulatedDisk
{
    private readonly SortedDictionary<byte[], Entry>[] _families = [new(KeyOrder.Instance), new(KeyOrder.Instance), new(KeyOrder.Instance)];

    private readonly record struct Entry(byte[] Value, int Puts);

    /// <summary>Keys that are not the store's own.</summary>
    public int Count => _families.Sum(family => family.Count) - _families[(int)Family.State].Keys.Count(IsOwn);

    public string Keys => string.Join(" ", Enum.GetValues<Family>().SelectMany(family =>
        _families[(int)family].Keys.Where(key => family != Family.State || !IsOwn(key)).Select(key => $"{family}:{Convert.ToHexString(key)}")));

    public void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit)
    {
        foreach ((byte[] key, Entry entry) in _families[(int)family])
        {
            if (key.AsSpan().SequenceCompareTo(from) >= 0 && (to.IsEmpty || key.AsSpan().SequenceCompareTo(to) < 0))
                visit(key, entry.Value);
        }
    }

    /// <summary>Applies an encoded batch as a whole.</summary>
    public void Apply(ReadOnlySpan<byte> batch)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(batch[8..]);
        ReadOnlySpan<byte> rest = batch[12..];
        for (; count > 0; count--)
        {
            var tag = (EngineTag)rest[0];
            rest = rest[1..];
            SortedDictionary<byte[], Entry> family = _families[Number(ref rest) - 1];
            byte[] key = Bytes(ref rest);
            switch (tag)
            {
                case EngineTag.Put:
                    family[key] = new Entry(Bytes(ref rest), family.TryGetValue(key, out Entry old) ? old.Puts + 1 : 1);
                    break;
                case EngineTag.Delete:
                    family.Remove(key);
                    break;
                default:
                    if (!family.Remove(key, out Entry once) || once.Puts != 1)
                        throw new ViolationException("delete once", $"{Convert.ToHexString(key)} was put {once.Puts} times since it was last removed");
                    break;
            }
        }

        if (!rest.IsEmpty)
            throw new ViolationException("batch", $"{rest.Length} bytes behind the last record");
    }

    /// <summary>What the store keeps under the session number that no session has.</summary>
    private static bool IsOwn(byte[] key) => BinaryPrimitives.ReadInt64BigEndian(key) == 0;

    private static byte[] Bytes(ref ReadOnlySpan<byte> rest)
    {
        int length = Number(ref rest);
        byte[] bytes = rest[..length].ToArray();
        rest = rest[length..];
        return bytes;
    }

    private static int Number(ref ReadOnlySpan<byte> rest)
    {
        int number = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = rest[0];
            rest = rest[1..];
            number |= (part & 0x7F) << shift;
            if (part < 0x80)
                return number;
        }
    }

    private sealed class KeyOrder : IComparer<byte[]>
    {
        public static KeyOrder Instance { get; } = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}
