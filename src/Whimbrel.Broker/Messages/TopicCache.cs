namespace Whimbrel.Broker;

/// <summary>
/// Arrays of topic names that came lately, so that a device that publishes to a few topics in turn costs no array a message. A turn's own;
/// of topics with one place the last one has it.
/// </summary>
internal sealed class TopicCache
{
    private const int Places = 1024;

    // Longer ones are rare, and a thousand of them would be much memory.
    private const int LengthMax = 256;

    private readonly byte[]?[] _topics = new byte[Places][];

    /// <summary>An array with these bytes, which nobody writes to.</summary>
    public byte[] Get(ReadOnlySpan<byte> topic)
    {
        if (topic.Length > LengthMax)
            return topic.ToArray();
        ref byte[]? place = ref _topics[PlaceOf(topic)];
        if (place is null || !topic.SequenceEqual(place))
            place = topic.ToArray();
        return place;
    }

    private static int PlaceOf(ReadOnlySpan<byte> topic)
    {
        var hash = default(HashCode);
        hash.AddBytes(topic);
        return hash.ToHashCode() & (Places - 1);
    }
}
