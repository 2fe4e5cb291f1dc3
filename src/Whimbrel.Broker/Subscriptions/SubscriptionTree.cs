using System.Diagnostics;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Which subscriptions match a topic. Filters without wildcards stand in one hash table by their bytes; the others in a tree whose
/// branches are one flat table from (node, level) to node.
/// </summary>
/// <remarks>Look-ups take no lock; changes take one that no look-up waits for.</remarks>
internal sealed class SubscriptionTree
{
    private readonly Lock _changes = new();
    private readonly ShardedTable<byte[], ReadOnlySpan<byte>, SubscriberList> _exact = new(Utf8Comparer.Instance);
    private readonly ShardedTable<LevelKey, LevelSpan, Node> _branches = new(LevelComparer.Instance);
    private readonly Dictionary<string, SharedGroup> _groups = new(StringComparer.Ordinal);
    private readonly Node _root = new(0, null, default);
    private int _lastNode;
    private int _count;
    private int _sharedCount;

    /// <summary>Subscriptions of all sessions, members of shared subscriptions included.</summary>
    public int Count => Volatile.Read(ref _count);

    public int SharedCount => Volatile.Read(ref _sharedCount);

    /// <summary>Puts a session's or the embedding program's subscription in.</summary>
    public void Add(TopicFilter filter, Subscription subscription)
    {
        lock (_changes)
        {
            _count++;
            if (!filter.IsShared)
            {
                ListOf(filter.Pattern, filter.HasWildcards).Add(subscription);
                return;
            }

            _sharedCount++;
            if (!_groups.TryGetValue(subscription.Filter, out SharedGroup? group))
            {
                group = new SharedGroup(subscription.Filter);
                _groups.Add(subscription.Filter, group);
                ListOf(filter.Pattern, filter.HasWildcards).Add(group.Entry);
            }

            group.Join(subscription);
        }
    }

    /// <summary>The shared subscription of a filter such as <c>$share/name/filter</c>, or null.</summary>
    public SharedGroup? FindGroup(string filter)
    {
        lock (_changes)
            return _groups.GetValueOrDefault(filter);
    }

    /// <summary>Takes a subscription out that <see cref="Add"/> put in under the same filter.</summary>
    public void Remove(TopicFilter filter, Subscription subscription)
    {
        lock (_changes)
        {
            _count--;
            if (!filter.IsShared)
            {
                RemoveEntry(filter, subscription);
                return;
            }

            _sharedCount--;
            SharedGroup group = _groups[subscription.Filter];
            if (group.Leave(subscription))
            {
                _groups.Remove(subscription.Filter);
                RemoveEntry(filter, group.Entry);
            }
        }
    }

    /// <summary>Collects the entries that match a valid topic name. A session with several matching filters stands there several times.</summary>
    public void Match(ReadOnlySpan<byte> topic, MatchList matches)
    {
        if (_exact.TryGet(topic, out SubscriberList? exact))
            matches.AddList(exact);
        // A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
        Walk(_root, topic, wildcards: topic[0] != (byte)'$', matches);
    }

    private void Walk(Node node, ReadOnlySpan<byte> rest, bool wildcards, MatchList matches)
    {
        if (wildcards)
            matches.AddList(node.Rest);
        int slash = rest.IndexOf((byte)'/');
        ReadOnlySpan<byte> level = slash < 0 ? rest : rest[..slash];
        if (node.HasLiterals && _branches.TryGet(new LevelSpan(node.Id, level), out Node? child))
            Step(child!, slash, rest, matches);
        if (wildcards && node.Plus is { } plus)
            Step(plus, slash, rest, matches);
    }

    private void Step(Node node, int slash, ReadOnlySpan<byte> rest, MatchList matches)
    {
        if (slash >= 0)
        {
            Walk(node, rest[(slash + 1)..], wildcards: true, matches);
            return;
        }

        // "sport/#" matches "sport" as well: # includes the parent level.
        matches.AddList(node.Here);
        matches.AddList(node.Rest);
    }

    private SubscriberList ListOf(ReadOnlySpan<byte> pattern, bool hasWildcards)
    {
        if (!hasWildcards)
        {
            return _exact.TryGet(pattern, out SubscriberList? list) ? list! : _exact.GetOrAdd(pattern.ToArray(), new SubscriberList());
        }

        Node node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(pattern))
        {
            if (level.SequenceEqual("#"u8))
                return node.Rest ??= new SubscriberList();
            node = level.SequenceEqual("+"u8) ? node.Plus ??= new Node(++_lastNode, node, default) : ChildOf(node, level);
        }

        return node.Here ??= new SubscriberList();
    }

    private Node ChildOf(Node node, ReadOnlySpan<byte> level)
    {
        if (_branches.TryGet(new LevelSpan(node.Id, level), out Node? child))
            return child!;
        var key = new LevelKey(node.Id, level.ToArray());
        child = new Node(++_lastNode, node, key);
        _branches.TryAdd(key, child);
        node.Literals++;
        return child;
    }

    private void RemoveEntry(TopicFilter filter, Subscription entry)
    {
        if (!filter.HasWildcards)
        {
            if (_exact.TryGet(filter.Pattern, out SubscriberList? list))
            {
                list!.Remove(entry);
                if (list.Count == 0)
                    _exact.TryRemove(filter.Pattern);
            }

            return;
        }

        Node? node = _root;
        bool rest = false;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(filter.Pattern))
        {
            if (rest = level.SequenceEqual("#"u8))
                break;
            node = level.SequenceEqual("+"u8) ? node.Plus! : _branches.TryGet(new LevelSpan(node.Id, level), out Node? child) ? child! : throw new UnreachableException();
        }

        if (rest)
        {
            node.Rest!.Remove(entry);
            if (node.Rest.Count == 0)
                node.Rest = null;
        }
        else
        {
            node.Here!.Remove(entry);
            if (node.Here.Count == 0)
                node.Here = null;
        }

        Prune(node);
    }

    private void Prune(Node node)
    {
        while (node.Parent is { } parent && node is { Here: null, Rest: null, Plus: null, HasLiterals: false })
        {
            if (ReferenceEquals(parent.Plus, node))
            {
                parent.Plus = null;
            }
            else
            {
                _branches.TryRemove(new LevelSpan(node.Key.Node, node.Key.Level));
                parent.Literals--;
            }

            node = parent;
        }
    }

    /// <summary>A level of the filters with wildcards. Changed under the lock, read without: each member is one reference or word.</summary>
    private sealed class Node(int id, Node? parent, LevelKey key)
    {
        private SubscriberList? _here;
        private SubscriberList? _rest;
        private Node? _plus;
        private int _literals;

        public int Id => id;

        public Node? Parent => parent;

        public LevelKey Key => key;

        /// <summary>Filters that end at this level.</summary>
        public SubscriberList? Here
        {
            get => Volatile.Read(ref _here);
            set => Volatile.Write(ref _here, value);
        }

        /// <summary>Filters that go on with # below this level.</summary>
        public SubscriberList? Rest
        {
            get => Volatile.Read(ref _rest);
            set => Volatile.Write(ref _rest, value);
        }

        public Node? Plus
        {
            get => Volatile.Read(ref _plus);
            set => Volatile.Write(ref _plus, value);
        }

        /// <summary>How many branches other than + there are.</summary>
        public int Literals
        {
            get => Volatile.Read(ref _literals);
            set => Volatile.Write(ref _literals, value);
        }

        public bool HasLiterals => Literals > 0;
    }
}
