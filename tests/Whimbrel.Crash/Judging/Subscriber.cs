using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Judging;

/// <summary>What is known about one client as a receiver: its session, its subscriptions, and what it has been handed.</summary>
internal sealed class Subscriber(string client)
{
    private readonly List<Subscription> _subscriptions = [];

    public string Client => client;

    public Existence Session { get; set; } = Existence.Absent;

    /// <summary>Of the last CONNECT.</summary>
    public bool IsClean { get; set; }

    /// <summary>Of the last CONNECT.</summary>
    public bool IsDurable { get; set; }

    /// <summary>Numbers of messages that must still come, and after which moment each was routed.</summary>
    public Dictionary<int, long> Owed { get; } = [];

    /// <summary>
    /// Numbers of messages that came to durable sessions because they were published, and the highest QoS that they came with. Kept when one
    /// such session follows another: what the first was given, the next is not.
    /// </summary>
    public Dictionary<int, QoS> Receipts { get; } = [];

    /// <summary>
    /// The same of a session that ends with its connection. Nothing waits for the disk on its behalf, so what it was given just before a crash
    /// may be published again, and given to its successor.
    /// </summary>
    public Dictionary<int, QoS> PassingReceipts { get; } = [];

    /// <summary>The highest number that came, by topic and QoS of the delivery: within these the order is promised.</summary>
    public Dictionary<(string Topic, QoS QoS), int> Latest { get; } = [];

    /// <summary>How often a message came as retained.</summary>
    public Dictionary<int, int> Replays { get; } = [];

    /// <summary>The number that came last as retained, by topic.</summary>
    public Dictionary<string, int> Replayed { get; } = [];

    /// <summary>Notes a receipt; returns the highest QoS of those before, or null if there was none.</summary>
    public QoS? Receive(int number, QoS qos)
    {
        QoS? before = Receipts.TryGetValue(number, out QoS durable) ? durable : PassingReceipts.TryGetValue(number, out QoS passing) ? passing : null;
        (IsDurable ? Receipts : PassingReceipts)[number] = before > qos ? before.Value : qos;
        return before;
    }

    /// <summary>The subscription to this filter that has not ended.</summary>
    public Subscription? Open(string filter) => _subscriptions.Find(s => s.Filter == filter && s.EndedAt == long.MaxValue);

    public void Ask(string filter, long now)
    {
        Subscription? open = Open(filter);
        if (open is null)
            _subscriptions.Add(open = new Subscription(filter, now));
        open.Asks++;
    }

    /// <summary>No subscription is certain any more.</summary>
    public void Doubt() => _subscriptions.ForEach(s => s.Doubt());

    /// <summary>A new session begins.</summary>
    public void Forget()
    {
        _subscriptions.Clear();
        PassingReceipts.Clear();
        Latest.Clear();
        Replays.Clear();
        Replayed.Clear();
    }

    /// <summary>Whether a subscription was acknowledged before this moment, and has not been given up since.</summary>
    public bool IsSurelySubscribed(string topic, long before) => _subscriptions.Exists(s => s.SureSince < before && s.Matches(topic));

    /// <summary>Whether there can have been a subscription while the message was on its way.</summary>
    public bool MayHaveSubscribed(string topic, Fate fate) =>
        _subscriptions.Exists(s => s.AskedAt <= fate.SettledAt && fate.FirstSent <= s.EndedAt && s.Matches(topic));

    /// <summary>How many SUBSCRIBE packets asked for this topic, and when the first did.</summary>
    public (int Count, long First) Asks(string topic)
    {
        int count = 0;
        long first = long.MaxValue;
        foreach (Subscription subscription in _subscriptions.Where(s => s.Matches(topic)))
        {
            count += subscription.Asks;
            first = Math.Min(first, subscription.AskedAt);
        }

        return (count, first);
    }
}

/// <summary>What the clients can know about a session.</summary>
internal enum Existence
{
    Absent,

    /// <summary>The CONNECT that would make it is on its way: until now there was none.</summary>
    FirstAttempt,

    Unknown,

    Present,
}

/// <summary>One filter of one session, from the SUBSCRIBE to the UNSUBACK.</summary>
internal sealed class Subscription(string filter, long askedAt)
{
    private readonly byte[] _pattern = Encoding.UTF8.GetBytes(filter);
    private readonly Dictionary<string, bool> _matches = [];

    public string Filter => filter;

    public long AskedAt => askedAt;

    /// <summary>SUBSCRIBE packets: each may have retained messages sent.</summary>
    public int Asks { get; set; }

    /// <summary>When SUBACK came; never, while it may be that the subscription does not stand.</summary>
    public long SureSince { get; private set; } = long.MaxValue;

    /// <summary>When UNSUBACK came.</summary>
    public long EndedAt { get; set; } = long.MaxValue;

    public void SureFrom(long now) => SureSince = Math.Min(SureSince, now);

    public void Doubt() => SureSince = long.MaxValue;

    public bool Matches(string topic)
    {
        if (!_matches.TryGetValue(topic, out bool matches))
            _matches.Add(topic, matches = TopicFilter.Matches(_pattern, Encoding.UTF8.GetBytes(topic)));
        return matches;
    }
}
