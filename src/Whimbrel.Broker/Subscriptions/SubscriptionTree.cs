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
    private readonly ShardedTable<ReadOnlySpan<byte>, SubscriberSet, ByFilter<SubscriberSet>> _exact = new();
    private readonly ShardedTable<Level, Node, ByLevel> _branches = new();
    private readonly Dictionary<string, SharedGroup> _groups = new(StringComparer.Ordinal);
    private readonly Node _root = new(0, null, []);
    private int _lastNode;
    private int _count;
    private int _sharedCount;

    /// <summary>Subscriptions of all sessions, members of shared subscriptions included.</summary>
    public int Count => Volatile.Read(ref _count);

    public int SharedCount => Volatile.Read(ref _sharedCount);

    /// <summary>Puts a session's or the embedding program's subscription in.</summary>
    /// <param name="filter">Its filter.</param>
    /// <param name="subscription">The subscription.</param>
    public void Add(TopicFilter filter, Subscription subscription)
    {
        lock (_changes)
        {
            _count++;
            if (!filter.IsShared)
            {
                AddEntry(filter.HasWildcards, subscription);
                return;
            }

            _sharedCount++;
            string name = subscription.FilterText;
            if (!_groups.TryGetValue(name, out SharedGroup? group))
            {
                group = new SharedGroup(name, filter.Pattern);
                _groups.Add(name, group);
                AddEntry(filter.HasWildcards, group.Entry);
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

    /// <summary>Takes a subscription out that <see cref="Add"/> put in.</summary>
    public void Remove(Subscription subscription)
    {
        bool valid = TopicFilter.TryParse(subscription.Filter, out TopicFilter filter);
        Debug.Assert(valid, "a filter was accepted that is not valid");
        lock (_changes)
        {
            _count--;
            if (!filter.IsShared)
            {
                RemoveEntry(filter.HasWildcards, subscription);
                return;
            }

            _sharedCount--;
            string name = subscription.FilterText;
            SharedGroup group = _groups[name];
            if (group.Leave(subscription))
            {
                _groups.Remove(name);
                RemoveEntry(filter.HasWildcards, group.Entry);
            }
        }
    }

    /// <summary>Collects the entries that match a valid topic name. A session with several matching filters stands there several times.</summary>
    public void Match(ReadOnlySpan<byte> topic, MatchList matches)
    {
        if (_exact.TryGet(topic, out SubscriberSet? exact))
            matches.AddSet(exact);
        // A filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
        Walk(_root, topic, wildcards: topic[0] != (byte)'$', matches);
    }

    private void Walk(Node node, ReadOnlySpan<byte> rest, bool wildcards, MatchList matches)
    {
        if (wildcards)
            matches.AddSet(node.Rest);
        int slash = rest.IndexOf((byte)'/');
        ReadOnlySpan<byte> level = slash < 0 ? rest : rest[..slash];
        if (node.HasLiterals && _branches.TryGet(new Level(node.Id, level), out Node? child))
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
        matches.AddSet(node.Here);
        matches.AddSet(node.Rest);
    }

    private void AddEntry(bool hasWildcards, Subscription entry)
    {
        if (!hasWildcards)
        {
            SubscriberSet there = _exact.GetOrAdd(entry);
            if (!ReferenceEquals(there, entry) && With(there, entry) is var more && !ReferenceEquals(more, there))
                _exact.Replace(there, more);
            return;
        }

        Node node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(entry.Filter))
        {
            if (level.SequenceEqual("#"u8))
            {
                node.Rest = With(node.Rest, entry);
                return;
            }

            node = level.SequenceEqual("+"u8) ? node.Plus ??= new Node(++_lastNode, node, []) : ChildOf(node, level);
        }

        node.Here = With(node.Here, entry);
    }

    private static SubscriberSet With(SubscriberSet? set, Subscription entry)
    {
        if (set is not SubscriberList list)
            return set is Subscription first ? new SubscriberList(first, entry) : entry;
        list.Add(entry);
        return list;
    }

    /// <returns>Null when nobody is left.</returns>
    private static SubscriberList? Without(SubscriberSet set, Subscription entry)
    {
        if (set is not SubscriberList list)
            return null;
        list.Remove(entry);
        return list.Count == 0 ? null : list;
    }

    private Node ChildOf(Node node, ReadOnlySpan<byte> level)
    {
        if (_branches.TryGet(new Level(node.Id, level), out Node? child))
            return child!;
        child = new Node(++_lastNode, node, level.ToArray());
        _branches.GetOrAdd(child);
        node.Literals++;
        return child;
    }

    private void RemoveEntry(bool hasWildcards, Subscription entry)
    {
        if (!hasWildcards)
        {
            if (_exact.TryGet(entry.Filter, out SubscriberSet? set) && Without(set!, entry) is null)
                _exact.TryRemove(set!);
            return;
        }

        Node node = _root;
        foreach (ReadOnlySpan<byte> level in new TopicLevels(entry.Filter))
        {
            if (level.SequenceEqual("#"u8))
            {
                node.Rest = Without(node.Rest!, entry);
                Prune(node);
                return;
            }

            node = level.SequenceEqual("+"u8) ? node.Plus! : _branches.TryGet(new Level(node.Id, level), out Node? child) ? child! : throw new UnreachableException();
        }

        node.Here = Without(node.Here!, entry);
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
                _branches.TryRemove(node);
                parent.Literals--;
            }

            node = parent;
        }
    }

    /// <summary>One level's name below one node.</summary>
    private readonly ref struct Level(int node, ReadOnlySpan<byte> name)
    {
        public int Node { get; } = node;

        public ReadOnlySpan<byte> Name { get; } = name;
    }

    private readonly struct ByLevel : IKeyed<Level, Node>
    {
        public static Level KeyOf(Node value) => new(value.Parent!.Id, value.Name);

        public static int HashOf(Level key)
        {
            var hash = default(HashCode);
            hash.Add(key.Node);
            hash.AddBytes(key.Name);
            return hash.ToHashCode();
        }

        public static bool AreSame(Level one, Level other) => one.Node == other.Node && one.Name.SequenceEqual(other.Name);
    }

    /// <summary>A level of the filters with wildcards. Changed under the lock, read without: each member is one reference or word.</summary>
    private sealed class Node(int id, Node? parent, byte[] name)
    {
        private SubscriberSet? _here;
        private SubscriberSet? _rest;
        private Node? _plus;
        private int _literals;

        public int Id => id;

        public Node? Parent => parent;

        public ReadOnlySpan<byte> Name => name;

        /// <summary>Filters that end at this level.</summary>
        public SubscriberSet? Here
        {
            get => Volatile.Read(ref _here);
            set => Volatile.Write(ref _here, value);
        }

        /// <summary>Filters that go on with # below this level.</summary>
        public SubscriberSet? Rest
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
