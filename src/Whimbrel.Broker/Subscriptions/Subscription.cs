using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a subscriber asked for; replaced as a whole when it subscribes again [MQTT-3.8.4-3].</summary>
/// <param name="Options">QoS, No Local, Retain As Published, Retain Handling.</param>
/// <param name="Identifier">The subscription identifier, 0 for none.</param>
/// <param name="ReplayedThrough">
/// The retained update up to which the retained replay serves this subscription; live copies of messages up to it are left out, so
/// that nobody gets one message twice. 0 when nothing is replayed.
/// </param>
internal readonly record struct SubscriptionTerms(SubscriptionOptions Options, uint Identifier, long ReplayedThrough);

/// <summary>Who wants what a filter matches: one <see cref="Subscription"/>, or a <see cref="SubscriberList"/>.</summary>
internal abstract class SubscriberSet
{
    private readonly byte[] _filter;

    protected SubscriberSet(ReadOnlySpan<byte> filter) => _filter = filter.ToArray();

    /// <summary>One with the same filter.</summary>
    protected SubscriberSet(SubscriberSet other) => _filter = other._filter;

    /// <summary>The filter in UTF-8, as it was subscribed, with its <c>$share</c> prefix if it has one.</summary>
    public ReadOnlySpan<byte> Filter => _filter;
}

/// <summary>Finds subscribers by their filters.</summary>
internal readonly struct ByFilter<T> : IKeyed<ReadOnlySpan<byte>, T>
    where T : SubscriberSet
{
    public static ReadOnlySpan<byte> KeyOf(T value) => value.Filter;

    public static int HashOf(ReadOnlySpan<byte> key) => Utf8Comparer.Instance.GetHashCode(key);

    public static bool AreSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) => one.SequenceEqual(other);
}

/// <summary>
/// One entry of the tree. Exactly one of <see cref="Subscriber"/>, <see cref="Local"/> and <see cref="Group"/> says who is behind it:
/// a session, the embedding program, or a shared subscription that chooses among its members.
/// </summary>
/// <remarks>Read by any thread without a lock; <see cref="Terms"/> changes under the subscriber's gate.</remarks>
internal sealed class Subscription : SubscriberSet
{
    private readonly object _behind;
    private long _replayedThrough;
    private uint _identifier;
    private SubscriptionOptions _options;

    public Subscription(ReadOnlySpan<byte> filter, SessionGate subscriber, SubscriptionTerms terms)
        : this(filter, (object)subscriber) => Terms = terms;

    public Subscription(ReadOnlySpan<byte> filter, ILocalSubscriber local)
        : this(filter, (object)local)
    {
    }

    /// <param name="pattern">What the topics of all members are matched against.</param>
    /// <param name="group">The members.</param>
    public Subscription(ReadOnlySpan<byte> pattern, SharedGroup group)
        : this(pattern, (object)group)
    {
    }

    private Subscription(ReadOnlySpan<byte> filter, object behind)
        : base(filter) => _behind = behind;

    /// <summary>The filter as a string, made anew.</summary>
    public string FilterText => Encoding.UTF8.GetString(Filter);

    public SessionGate? Subscriber => _behind as SessionGate;

    public ILocalSubscriber? Local => _behind as ILocalSubscriber;

    public SharedGroup? Group => _behind as SharedGroup;

    /// <summary>Read as a whole under the subscriber's gate only; <see cref="SubscriptionTerms.Options"/> by anybody.</summary>
    public SubscriptionTerms Terms
    {
        get => new(_options, _identifier, _replayedThrough);
        set
        {
            _options = value.Options;
            _identifier = value.Identifier;
            _replayedThrough = value.ReplayedThrough;
        }
    }

    /// <summary>
    /// Set under the subscriber's gate when the subscription ends: whoever found it in the tree a moment before leaves it alone.
    /// </summary>
    public bool IsRemoved { get; set; }

    /// <summary>The retained messages that it is still owed, or null. Guarded by the subscriber's gate.</summary>
    public RetainedReplay? Replay { get; set; }

    /// <summary>Where the entry stands in its <see cref="SubscriberList"/>; the list's.</summary>
    internal int Slot { get; set; } = -1;
}
