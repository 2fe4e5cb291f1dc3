using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// Gives one array or string for equal texts that come again soon, such as the topics and publishers of queued messages. Remembers a
/// bounded number and forgets by chance.
/// </summary>
internal sealed class RecentTexts
{
    private const int Slots = 4096;

    private readonly Entry[] _entries = new Entry[Slots];

    public byte[] Bytes(ReadOnlySpan<byte> utf8) => Find(utf8).Utf8;

    public string String(ReadOnlySpan<byte> utf8)
    {
        ref Entry entry = ref Find(utf8);
        return entry.Text ??= Encoding.UTF8.GetString(utf8);
    }

    private ref Entry Find(ReadOnlySpan<byte> utf8)
    {
        ref Entry entry = ref _entries[Utf8Comparer.Instance.GetHashCode(utf8) & (Slots - 1)];
        if (entry.Utf8 is null || !utf8.SequenceEqual(entry.Utf8))
            entry = new Entry { Utf8 = utf8.ToArray() };
        return ref entry;
    }

    private struct Entry
    {
        public byte[] Utf8;
        public string? Text;
    }
}
