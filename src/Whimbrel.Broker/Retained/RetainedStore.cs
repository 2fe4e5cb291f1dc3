using Whimbrel.Protocol;

namespace Whimbrel.Broker;

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
    private const int WalkStepsMax = 1000;

    private readonly Lock _lock = new();
    private readonly RetainedNode _root = new([]);
    private long _updates;
    private int _expiring;

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
            RetainedOutcome outcome = message.PayloadLength == 0 ? Clear(message.Topic) : Store(message, now);
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

    /// <summary>
    /// Whether anything here may match a filter, which is valid and not shared: only its levels up to the first wildcard are looked at.
    /// </summary>
    /// <param name="filter">The filter of a subscription that is in the tree already.</param>
    /// <param name="updates">How many updates there were: what comes later reaches the subscription as live traffic.</param>
    public bool MayMatch(ReadOnlySpan<byte> filter, out long updates)
    {
        lock (_lock)
        {
            updates = _updates;
            RetainedNode node = _root;
            foreach (ReadOnlySpan<byte> level in new TopicLevels(filter))
            {
                if (level.SequenceEqual("#"u8))
                    return true;
                if (level.SequenceEqual("+"u8))
                    return node.Children is { Count: > 0 };
                if (!node.TryChild(level, out RetainedNode? child))
                    return false;
                node = child;
            }

            return node.Message is not null;
        }
    }

    /// <summary>The entries that match a filter, which is valid and not shared.</summary>
    public List<RetainedNode> Match(ReadOnlySpan<byte> filter)
    {
        var matches = new List<RetainedNode>();
        var walk = new RetainedWalk(filter, _root);
        lock (_lock)
        {
            while (!walk.IsOver)
                walk.Step(matches);
        }

        return matches;
    }

    /// <summary>Begins to look for the entries that match a filter, which is valid and not shared.</summary>
    public RetainedWalk Walk(ReadOnlySpan<byte> filter) => new(filter, _root);

    /// <summary>
    /// Looks on for a short while: with a million topics the whole would hold everybody up. What is stored or cleared meanwhile may be found
    /// or not.
    /// </summary>
    public void Continue(RetainedWalk walk, List<RetainedNode> found)
    {
        lock (_lock)
        {
            for (int steps = 0; steps < WalkStepsMax && found.Count < WalkStepsMax && !walk.IsOver; steps++)
                walk.Step(found);
        }
    }

    /// <summary>Forgets messages whose expiry has passed and says how many. Walks everything; for a slow rhythm.</summary>
    public int RemoveExpired(long now)
    {
        lock (_lock)
        {
            if (_expiring == 0)
                return 0;
            var expired = new List<Message>();
            FindExpired(_root, now, expired);
            foreach (Message message in expired)
            {
                Clear(message.Topic);
                ToJournal(message.Topic, null);
            }

            return expired.Count;
        }
    }

    private RetainedOutcome Store(Message message, long now)
    {
        RetainedNode? node = Find(message.Topic);
        Message? old = node?.Message;
        if (old is null ? Count >= options.RetainedMessagesMax || Bytes + message.Size > options.RetainedBytesMax
            : Bytes + message.Size - old.Value.Size > options.RetainedBytesMax)
        {
            return RetainedOutcome.Full;
        }

        if (message.IsExpired(now))
            return Clear(message.Topic);
        Put(node ?? Make(message.Topic), message);
        return RetainedOutcome.Stored;
    }

    private void Put(RetainedNode node, Message message)
    {
        Message? old = node.Message;
        node.Put(message);
        Count += old is null ? 1 : 0;
        _expiring += CanExpire(message) - CanExpire(old);
        Bytes += message.Size - (old?.Size ?? 0);
    }

    /// <summary>The broker's own topics say how this run is doing: the next one has figures of its own.</summary>
    private long ToJournal(ReadOnlySpan<byte> topic, Message? message) => ReservedTopics.Contains(topic) ? 0 : journal.Retain(topic, message);

    private RetainedOutcome Clear(ReadOnlySpan<byte> topic)
    {
        // What is needed without this topic ends at the last node with a message or another child; the branch from there goes.
        RetainedNode needed = _root;
        RetainedNode? branch = null;
        RetainedNode node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(topic))
        {
            if (!node.TryChild(level, out RetainedNode? child))
                return RetainedOutcome.Cleared;
            if (branch is null || node.Message is not null || node.Children!.Count > 1)
                (needed, branch) = (node, child);
            node = child;
        }

        if (node.Message is not { } old)
            return RetainedOutcome.Cleared;
        node.Clear();
        Count--;
        _expiring -= CanExpire(old);
        Bytes -= old.Size;
        if (node.Children is not { Count: > 0 })
            needed.Children!.Remove(branch!);
        return RetainedOutcome.Cleared;
    }

    private static int CanExpire(Message? message) => message is { ExpiresAt: not Message.Never } ? 1 : 0;

    private RetainedNode? Find(ReadOnlySpan<byte> topic)
    {
        RetainedNode node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(topic))
        {
            if (!node.TryChild(level, out RetainedNode? child))
                return null;
            node = child;
        }

        return node;
    }

    private RetainedNode Make(ReadOnlySpan<byte> topic)
    {
        RetainedNode node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(topic))
        {
            if (!node.TryChild(level, out RetainedNode? child))
            {
                child = new RetainedNode(level);
                (node.Children ??= new()).Add(child);
            }

            node = child;
        }

        return node;
    }

    private static void FindExpired(RetainedNode node, long now, List<Message> expired)
    {
        var open = new Stack<RetainedNode>();
        open.Push(node);
        while (open.TryPop(out RetainedNode? next))
        {
            if (next.Message is { } message && message.IsExpired(now))
                expired.Add(message);
            foreach (RetainedNode? child in next.Children?.Places ?? [])
            {
                if (child is not null)
                    open.Push(child);
            }
        }
    }
}
