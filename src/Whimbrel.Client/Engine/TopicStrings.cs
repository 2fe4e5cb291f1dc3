using System.Text;

namespace Whimbrel.Client.Engine;

/// <summary>
/// The strings of topics that have come lately, so that a topic that comes again costs no new string, and whom its messages go to. Bounded:
/// a topic pushes out another that falls into its place. Not thread-safe.
/// </summary>
internal sealed class TopicStrings
{
    private const int PlacesMax = 1024;

    private Entry[] _entries = new Entry[16];

    /// <summary>The entry of a topic; its targets may be those of an earlier table.</summary>
    public ref Entry Get(ReadOnlySpan<byte> topic)
    {
        uint hash = Hash(topic);
        ref Entry entry = ref _entries[hash & (_entries.Length - 1)];
        if (entry.Hash == hash && entry.Text is not null && topic.SequenceEqual(entry.Bytes))
            return ref entry;
        if (entry.Text is not null && _entries.Length < PlacesMax)
        {
            Grow();
            entry = ref _entries[hash & (_entries.Length - 1)];
        }

        entry = new Entry { Hash = hash, Bytes = topic.ToArray(), Text = Encoding.UTF8.GetString(topic) };
        return ref entry;
    }

    private void Grow()
    {
        var larger = new Entry[_entries.Length * 4];
        foreach (Entry entry in _entries)
        {
            if (entry.Text is not null)
                larger[entry.Hash & (larger.Length - 1)] = entry;
        }

        _entries = larger;
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        while (bytes.Length >= 4)
        {
            hash = (hash ^ BitConverter.ToUInt32(bytes)) * 2654435761;
            hash ^= hash >> 15;
            bytes = bytes[4..];
        }

        foreach (byte b in bytes)
            hash = (hash ^ b) * 16777619;
        return hash ^ (hash >> 13);
    }

    internal struct Entry
    {
        public uint Hash;
        public byte[] Bytes;
        public string Text;
        public ISubscriber[]? Targets;
        public int TableVersion;
    }
}
