namespace Whimbrel.Broker;

/// <summary>
/// Gives one array for equal topics that come again soon: clients publish to some topics in turn. Remembers a bounded number of bounded
/// length and forgets by chance.
/// </summary>
internal sealed class RecentTopics
{
    private const int Slots = 1024;

    /// <summary>Longer topics are not remembered, so that nobody makes it large.</summary>
    private const int LengthMax = 256;

    private readonly byte[]?[] _topics = new byte[]?[Slots];

    public byte[] Find(ReadOnlySpan<byte> topic)
    {
        if (topic.Length > LengthMax)
            return topic.ToArray();
        ref byte[]? found = ref _topics[Utf8Comparer.Instance.GetHashCode(topic) & (Slots - 1)];
        if (found is null || !topic.SequenceEqual(found))
            found = topic.ToArray();
        return found;
    }
}
