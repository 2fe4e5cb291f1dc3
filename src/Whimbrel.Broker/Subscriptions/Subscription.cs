using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a subscriber asked for; replaced as a whole when it subscribes again [MQTT-3.8.4-3].</summary>
/// <param name="Options">QoS, No Local, Retain As Published, Retain Handling.</param>
/// <param name="Identifier">The subscription identifier, 0 for none.</param>
/// <param name="ReplayedThrough">
/// The retained update up to which the retained replay serves this subscription; live copies of messages up to it are left out, so
/// that nobody gets one message twice. 0 when nothing is replayed.
/// </param>
internal sealed record SubscriptionTerms(SubscriptionOptions Options, uint Identifier, long ReplayedThrough);

/// <summary>
/// One entry of the tree. Exactly one of <see cref="Subscriber"/>, <see cref="Local"/> and <see cref="Group"/> says who is behind it:
/// a session, the embedding program, or a shared subscription that chooses among its members.
/// </summary>
/// <remarks>Read by any thread without a lock; <see cref="Terms"/> changes under the subscriber's gate.</remarks>
internal sealed class Subscription
{
    private SubscriptionTerms _terms;

    public Subscription(string filter, SessionGate subscriber, SubscriptionTerms terms)
    {
        Filter = filter;
        Subscriber = subscriber;
        _terms = terms;
    }

    public Subscription(string filter, ILocalSubscriber local)
    {
        Filter = filter;
        Local = local;
        _terms = new SubscriptionTerms(default, 0, 0);
    }

    public Subscription(string filter, SharedGroup group)
    {
        Filter = filter;
        Group = group;
        _terms = new SubscriptionTerms(default, 0, 0);
    }

    /// <summary>The filter as it was subscribed, with its <c>$share</c> prefix if it has one.</summary>
    public string Filter { get; }

    public SessionGate? Subscriber { get; }

    public ILocalSubscriber? Local { get; }

    public SharedGroup? Group { get; }

    public SubscriptionTerms Terms
    {
        get => Volatile.Read(ref _terms);
        set => Volatile.Write(ref _terms, value);
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
