using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Broker;

/// <summary>
/// A level of the retained topics, and the place of the message whose topic ends there. Only under the store's lock, but for
/// <see cref="Message"/>. A replay may hold it longer than the store.
/// </summary>
internal sealed class RetainedNode
{
    private byte[]? _message;

    // Null where the message has it: most nodes are the last levels of topics.
    private byte[]? _level;

    public RetainedNode(ReadOnlySpan<byte> level) => _level = level.ToArray();

    public ReadOnlySpan<byte> Level => _level ?? LastLevelOf(Message!.Value.Topic);

    public LookupTable<ReadOnlySpan<byte>, RetainedNode, ByLevel>? Children { get; set; }

    /// <summary>The retained message, or null. Read without a lock.</summary>
    public Message? Message => Volatile.Read(ref _message) is { } bytes ? Broker.Message.Of(bytes) : null;

    public void Put(Message message)
    {
        Volatile.Write(ref _message, message.Bytes);
        _level = null;
    }

    public void Clear()
    {
        _level = Level.ToArray();
        Volatile.Write(ref _message, null);
    }

    public bool TryChild(ReadOnlySpan<byte> name, [MaybeNullWhen(false)] out RetainedNode child)
    {
        child = null;
        return Children is not null && Children.TryGet(name, out child);
    }

    private static ReadOnlySpan<byte> LastLevelOf(ReadOnlySpan<byte> topic) => topic[(topic.LastIndexOf((byte)'/') + 1)..];

    public readonly struct ByLevel : IKeyed<ReadOnlySpan<byte>, RetainedNode>
    {
        public static ReadOnlySpan<byte> KeyOf(RetainedNode value) => value.Level;

        public static int HashOf(ReadOnlySpan<byte> key) => Utf8Comparer.Instance.GetHashCode(key);

        public static bool AreSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) => one.SequenceEqual(other);
    }
}

/// <summary>
/// A search for the entries that match a filter, which can rest between any two steps: it holds nodes, not positions, so that others may
/// change the store meanwhile. Only under the store's lock.
/// </summary>
internal sealed class RetainedWalk
{
    /// <summary>An offset for nodes that match with everything below them.</summary>
    private const int AllBelow = int.MaxValue;

    // An explicit stack: a topic may have as many levels as the limit allows, and the call stack is not ours to spend.
    private readonly Stack<Places> _open = new();
    private readonly byte[] _pattern;
    private readonly RetainedNode _root;

    public RetainedWalk(ReadOnlySpan<byte> filter, RetainedNode root)
    {
        _pattern = filter.ToArray();
        _root = root;
        _open.Push(new Places([root], 0, 0, IsTop: false));
    }

    /// <summary>Nodes that are still to be looked at.</summary>
    /// <param name="Nodes">The places of a table, which may change, or of one node: a copy of a million would take milliseconds.</param>
    /// <param name="Next">The first that has not been looked at.</param>
    /// <param name="Offset">Where the rest of the pattern begins that their children are to match; past its end they match themselves.</param>
    /// <param name="IsTop">Whether they are first levels.</param>
    private readonly record struct Places(RetainedNode?[] Nodes, int Next, int Offset, bool IsTop);

    public bool IsOver => _open.Count == 0;

    /// <summary>Looks at one node.</summary>
    public void Step(List<RetainedNode> found)
    {
        (RetainedNode?[] nodes, int index, int offset, bool isTop) = _open.Pop();
        if (index + 1 < nodes.Length)
            _open.Push(new Places(nodes, index + 1, offset, isTop));
        if (nodes[index] is not { } node || (isTop && IsHidden(node)))
            return;
        if (offset > _pattern.Length)
        {
            if (node.Message is not null)
                found.Add(node);
            if (offset == AllBelow)
                OpenChildren(node, AllBelow);
            return;
        }

        ReadOnlySpan<byte> rest = _pattern.AsSpan(offset);
        int slash = rest.IndexOf((byte)'/');
        ReadOnlySpan<byte> level = slash < 0 ? rest : rest[..slash];
        int next = offset + level.Length + 1;
        if (level.SequenceEqual("#"u8))
            _open.Push(new Places([node], 0, AllBelow, isTop));
        else if (level.SequenceEqual("+"u8))
            OpenChildren(node, next);
        else if (node.TryChild(level, out RetainedNode? child))
            _open.Push(new Places([child], 0, next, ReferenceEquals(node, _root)));
    }

    private void OpenChildren(RetainedNode node, int offset)
    {
        if (node.Children is { Places: { Length: > 0 } places })
            _open.Push(new Places(places, 0, offset, ReferenceEquals(node, _root)));
    }

    // A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
    private bool IsHidden(RetainedNode top) => _pattern[0] is (byte)'+' or (byte)'#' && top.Level is [(byte)'$', ..];
}
