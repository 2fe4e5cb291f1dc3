using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Protocol.Flow;

/// <summary>
/// The topics that the peer has given numbers to on this connection [MQTT-3.3.2-7 to MQTT-3.3.2-12]. Starts empty with each
/// connection. Not thread-safe.
/// </summary>
/// <param name="aliasMaximum">The Topic Alias Maximum that this side announced; 0 allows none.</param>
public sealed class InboundTopicAliases(ushort aliasMaximum)
{
    private byte[]?[]? _topics;

    /// <summary>
    /// Resolves what a PUBLISH says to the topic it means. With a topic and an alias the mapping is made or replaced; with an alias
    /// alone it is looked up. The span given back is <paramref name="topic"/> itself or memory of this object.
    /// </summary>
    public bool TryResolve(ReadOnlySpan<byte> topic, ushort alias, out ReadOnlySpan<byte> resolved, out Violation violation)
    {
        violation = default;
        resolved = topic;
        if (alias == 0)
            return true;
        if (alias > aliasMaximum)
        {
            violation = new Violation(ReasonCode.TopicAliasInvalid, "topic alias above the announced maximum");
            return false;
        }

        _topics ??= new byte[]?[aliasMaximum];
        ref byte[]? known = ref _topics[alias - 1];
        if (topic.IsEmpty)
        {
            if (known is null)
            {
                violation = new Violation(ReasonCode.ProtocolError, "topic alias without a topic that was never set");
                return false;
            }

            resolved = known;
        }
        else if (known is null || !topic.SequenceEqual(known))
        {
            known = topic.ToArray();
        }

        return true;
    }
}

/// <summary>
/// The numbers that this side gives to topics on this connection, up to the peer's Topic Alias Maximum [MQTT-3.1.2-26,
/// MQTT-3.1.2-27]. When all are given the oldest is given anew. Starts empty with each connection. Not thread-safe.
/// </summary>
public sealed class OutboundTopicAliases(ushort aliasMaximum)
{
    private readonly Dictionary<byte[], ushort>.AlternateLookup<ReadOnlySpan<byte>> _aliases =
        new Dictionary<byte[], ushort>(Utf8Comparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();

    private readonly byte[]?[] _topics = new byte[]?[aliasMaximum];
    private int _next;

    /// <summary>
    /// The alias for a topic. <paramref name="isNew"/> says that the topic must be sent along with it this time.
    /// Call only for a packet that will certainly be sent.
    /// </summary>
    public ushort Get(ReadOnlySpan<byte> topic, out bool isNew)
    {
        isNew = false;
        if (_aliases.TryGetValue(topic, out ushort alias))
            return alias;
        isNew = true;
        if (_topics[_next] is { } old)
            _aliases.Remove(old);
        byte[] kept = topic.ToArray();
        _topics[_next] = kept;
        alias = (ushort)(_next + 1);
        _aliases.Dictionary.Add(kept, alias);
        _next = (_next + 1) % _topics.Length;
        return alias;
    }

    /// <summary>True when the topic already has a number, so that a frame may leave its name out.</summary>
    public bool Knows(ReadOnlySpan<byte> topic, out ushort alias) => _aliases.TryGetValue(topic, out alias);

    private sealed class Utf8Comparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static Utf8Comparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
