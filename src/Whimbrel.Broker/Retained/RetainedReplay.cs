using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The retained messages that one new subscription is still owed. It holds places in the store, not messages: what is sent is what is
/// retained at that moment, so a subscriber never sees a value older than one that it already got. The places are looked up when its
/// turn comes, some at a time, so that a replay that waits costs nothing and one of a million messages holds nobody up.
/// </summary>
internal sealed class RetainedReplay(RetainedStore store, Subscription subscription, bool wasOwed)
{
    private readonly List<RetainedNode> _found = new(0);
    private RetainedWalk? _walk;
    private int _next;

    public Subscription Subscription => subscription;

    /// <summary>Whether the store was told that the replay is owed.</summary>
    public bool WasOwed => wasOwed;

    /// <summary>Whether it has begun to look places up.</summary>
    public bool IsStarted => _walk is not null;

    /// <summary>Whether it has to <see cref="LookOn"/> before it knows what comes next.</summary>
    public bool MustLookOn => IsOwed && _next == _found.Count && _walk is not { IsOver: true };

    // Not when the subscription has ended, or another replay serves it.
    private bool IsOwed => ReferenceEquals(subscription.Replay, this);

    /// <summary>Looks for more places, for a short while.</summary>
    public void LookOn()
    {
        _found.Clear();
        _next = 0;
        store.Continue(_walk ??= store.Walk(subscription.Filter), _found);
    }

    /// <summary>The next delivery that is owed; false when it <see cref="MustLookOn"/>, and at the end.</summary>
    public bool TryPeek(long now, out Delivery delivery)
    {
        delivery = default;
        if (!IsOwed)
            return false;
        // As they are now: who subscribes again is still owed the rest, on the new terms [MQTT-3.8.4-4].
        SubscriptionTerms terms = subscription.Terms;
        for (; _next < _found.Count; _next++)
        {
            // Anything stored later than the subscription reached it as live traffic.
            if (_found[_next].Message is not { } message || message.RetainedUpdate > terms.ReplayedThrough || message.IsExpired(now))
                continue;
            QoS qos = message.QoS < terms.Options.QoS ? message.QoS : terms.Options.QoS;
            delivery = new Delivery(message, qos, retain: true, terms.Identifier == 0 ? null : [terms.Identifier]);
            return true;
        }

        if (!MustLookOn)
            subscription.Replay = null;
        return false;
    }

    public void Advance() => _next++;
}
