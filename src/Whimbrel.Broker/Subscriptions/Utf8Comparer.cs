using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Broker;

/// <summary>
/// Compares and hashes UTF-8 strings by their bytes, with a seed that differs per process so that a peer cannot choose names that
/// collide.
/// </summary>
internal sealed class Utf8Comparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
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

/// <summary>A branch of the subscription tree: one level's name below one node.</summary>
internal readonly record struct LevelKey(int Node, byte[] Level);

/// <summary>The same for looking up without a copy.</summary>
internal readonly ref struct LevelSpan(int node, ReadOnlySpan<byte> level)
{
    public int Node { get; } = node;

    public ReadOnlySpan<byte> Level { get; } = level;
}

internal sealed class LevelComparer : IEqualityComparer<LevelKey>, IAlternateEqualityComparer<LevelSpan, LevelKey>
{
    public static LevelComparer Instance { get; } = new();

    public bool Equals(LevelKey x, LevelKey y) => x.Node == y.Node && x.Level.AsSpan().SequenceEqual(y.Level);

    public bool Equals(LevelSpan alternate, LevelKey other) => alternate.Node == other.Node && alternate.Level.SequenceEqual(other.Level);

    public int GetHashCode(LevelKey obj) => GetHashCode(new LevelSpan(obj.Node, obj.Level));

    public int GetHashCode(LevelSpan alternate)
    {
        var hash = default(HashCode);
        hash.Add(alternate.Node);
        hash.AddBytes(alternate.Level);
        return hash.ToHashCode();
    }

    public LevelKey Create(LevelSpan alternate) => new(alternate.Node, alternate.Level.ToArray());
}
