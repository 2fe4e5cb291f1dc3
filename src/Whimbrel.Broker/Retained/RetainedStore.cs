using System.Diagnostics.CodeAnalysis;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>One topic's place in the retained store. It outlives its message while a replay holds it.</summary>
internal sealed class RetainedEntry(byte[] topic)
{
    private Message? _message;

    public byte[] Topic => topic;

    /// <summary>The retained message, or null when it was cleared. Read without a lock.</summary>
    public Message? Message
    {
        get => Volatile.Read(ref _message);
        set => Volatile.Write(ref _message, value);
    }
}

/// <summary>What became of a message with the RETAIN flag.</summary>
internal enum RetainedOutcome : byte
{
    Stored,

    /// <summary>An empty payload removed what was retained, if anything was [MQTT-3.3.1-6, MQTT-3.3.1-7].</summary>
    Cleared,

    /// <summary>The store is at its limit.</summary>
    Full,
}

/// <summary>The last retained message of each topic [MQTT-3.3.1-5], in a tree by levels so that filters find them.</summary>
/// <remarks>Thread-safe: one lock, taken by publishes with RETAIN and by new subscriptions only, and never held while anything is sent.</remarks>
internal sealed class RetainedStore(BrokerOptions options, Journal journal)
{
    private readonly Lock _lock = new();
    private readonly Node _root = new(null, []);
    private long _updates;

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Stores or clears, and stamps the message with the number of the update.</summary>
    /// <param name="message">A message with RETAIN.</param>
    /// <param name="isRefusable">Whether its publisher is told that there is no room; else the message goes on without being retained.</param>
    /// <param name="now">The time.</param>
    /// <param name="position">What must be on disk before the publisher is told that it was accepted.</param>
    public RetainedOutcome Set(Message message, bool isRefusable, long now, out long position)
    {
        position = 0;
        lock (_lock)
        {
            message.RetainedUpdate = ++_updates;
            RetainedOutcome outcome = message.Payload.IsEmpty ? Clear(message.Topic) : Store(message, now);
            if (outcome == RetainedOutcome.Full)
            {
                // What is not here no replay can serve: without the number nobody takes it for served.
                message.RetainedUpdate = 0;
                if (isRefusable)
                    return outcome;
                // The old message is over as soon as a newer one goes out, kept or not [3.1.1: MQTT-3.3.1-7].
                Clear(message.Topic);
            }

            position = ToJournal(message.Topic, outcome == RetainedOutcome.Stored ? message : null);
            return outcome;
        }
    }

    /// <summary>Takes in what was retained before the start, whatever the bounds are now.</summary>
    public void Restore(Message message)
    {
        lock (_lock)
        {
            message.RetainedUpdate = ++_updates;
            Put(Make(message.Topic), message);
        }
    }

    /// <summary>How many updates there were: what comes later reaches a subscription that is already in the tree as live traffic.</summary>
    public long Updates
    {
        get
        {
            lock (_lock)
                return _updates;
        }
    }

    /// <summary>The entries that match a filter, which is valid and not shared.</summary>
    public List<RetainedEntry> Match(string filter)
    {
        byte[] pattern = System.Text.Encoding.UTF8.GetBytes(filter);
        var matches = new List<RetainedEntry>();
        lock (_lock)
            Collect(_root, pattern, first: true, matches);
        return matches;
    }

    /// <summary>Forgets messages whose expiry has passed and says how many. Walks everything; for a slow rhythm.</summary>
    public int RemoveExpired(long now)
    {
        lock (_lock)
        {
            var expired = new List<byte[]>();
            FindExpired(_root, now, expired);
            foreach (byte[] topic in expired)
            {
                Clear(topic);
                ToJournal(topic, null);
            }

            return expired.Count;
        }
    }

    private RetainedOutcome Store(Message message, long now)
    {
        Node? node = Find(message.Topic);
        Message? old = node?.Entry?.Message;
        if (old is null ? Count >= options.RetainedMessagesMax || Bytes + message.Size > options.RetainedBytesMax
            : Bytes + message.Size - old.Size > options.RetainedBytesMax)
        {
            return RetainedOutcome.Full;
        }

        if (message.IsExpired(now))
            return Clear(message.Topic);
        Put(node ?? Make(message.Topic), message);
        return RetainedOutcome.Stored;
    }

    private void Put(Node node, Message message)
    {
        Message? old = node.Entry?.Message;
        node.Entry ??= new RetainedEntry(message.Topic);
        node.Entry.Message = message;
        Count += old is null ? 1 : 0;
        Bytes += message.Size - (old?.Size ?? 0);
    }

    /// <summary>The broker's own topics say how this run is doing: the next one has figures of its own.</summary>
    private long ToJournal(byte[] topic, Message? message) => ReservedTopics.Contains(topic) ? 0 : journal.Retain(topic, message);

    private RetainedOutcome Clear(byte[] topic)
    {
        Node? node = Find(topic);
        if (node?.Entry?.Message is not { } old)
            return RetainedOutcome.Cleared;
        node.Entry.Message = null;
        node.Entry = null;
        Count--;
        Bytes -= old.Size;
        while (node is { Entry: null, Parent: { } parent } && node.Children is not { Count: > 0 })
        {
            parent.Children!.Remove(node.Level);
            node = parent;
        }

        return RetainedOutcome.Cleared;
    }

    private Node? Find(byte[] topic)
    {
        Node node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(topic))
        {
            if (!node.TryChild(level, out Node? child))
                return null;
            node = child;
        }

        return node;
    }

    private Node Make(byte[] topic)
    {
        Node node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(topic))
        {
            if (!node.TryChild(level, out Node? child))
            {
                child = new Node(node, level.ToArray());
                (node.Children ??= new Dictionary<byte[], Node>(Utf8Comparer.Instance)).Add(child.Level, child);
            }

            node = child;
        }

        return node;
    }

    private static void Collect(Node node, ReadOnlySpan<byte> pattern, bool first, List<RetainedEntry> matches)
    {
        int slash = pattern.IndexOf((byte)'/');
        ReadOnlySpan<byte> level = slash < 0 ? pattern : pattern[..slash];
        if (level.SequenceEqual("#"u8))
        {
            CollectAll(node, first, matches);
            return;
        }

        if (!level.SequenceEqual("+"u8))
        {
            if (node.TryChild(level, out Node? child))
                Step(child, slash, pattern, matches);
            return;
        }

        foreach ((byte[] name, Node child) in node.Children ?? [])
        {
            if (!(first && IsSystem(name)))
                Step(child, slash, pattern, matches);
        }
    }

    private static void Step(Node node, int slash, ReadOnlySpan<byte> pattern, List<RetainedEntry> matches)
    {
        if (slash >= 0)
            Collect(node, pattern[(slash + 1)..], first: false, matches);
        else if (node.Entry is { } entry)
            matches.Add(entry);
    }

    private static void CollectAll(Node node, bool first, List<RetainedEntry> matches)
    {
        // An explicit stack: a topic may have as many levels as the limit allows, and the call stack is not ours to spend.
        var open = new Stack<Node>();
        open.Push(node);
        while (open.TryPop(out Node? next))
        {
            if (next.Entry is { } entry)
                matches.Add(entry);
            foreach ((byte[] name, Node child) in next.Children ?? [])
            {
                if (!(first && ReferenceEquals(next, node) && IsSystem(name)))
                    open.Push(child);
            }
        }
    }

    private static void FindExpired(Node node, long now, List<byte[]> expired)
    {
        var open = new Stack<Node>();
        open.Push(node);
        while (open.TryPop(out Node? next))
        {
            if (next.Entry?.Message is { } message && message.IsExpired(now))
                expired.Add(message.Topic);
            foreach (Node child in next.Children?.Values ?? Enumerable.Empty<Node>())
                open.Push(child);
        }
    }

    private static bool IsSystem(byte[] level) => level.Length > 0 && level[0] == (byte)'$';

    private sealed class Node(Node? parent, byte[] level)
    {
        public Node? Parent => parent;

        public byte[] Level => level;

        public RetainedEntry? Entry { get; set; }

        public Dictionary<byte[], Node>? Children { get; set; }

        public bool TryChild(ReadOnlySpan<byte> name, [MaybeNullWhen(false)] out Node child)
        {
            child = null;
            return Children is not null && Children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out child);
        }
    }
}
