using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The retained messages that one new subscription is still owed. It holds places in the store, not messages: what is sent is what is
/// retained at that moment, so a subscriber never sees a value older than one that it already got. The places are looked up when its
/// turn comes, so that a replay that waits costs nothing.
/// </summary>
internal sealed class RetainedReplay(RetainedStore store, Subscription subscription, bool wasOwed)
{
    private List<RetainedEntry>? _entries;
    private int _next;

    public Subscription Subscription => subscription;

    /// <summary>Whether the store was told that the replay is owed.</summary>
    public bool WasOwed => wasOwed;

    /// <summary>Whether the places have been looked up.</summary>
    public bool IsStarted => _entries is not null;

    /// <summary>The next delivery that is owed, or false at the end.</summary>
    public bool TryPeek(long now, out Delivery delivery)
    {
        delivery = default;
        // The subscription has ended, or another replay serves it.
        if (!ReferenceEquals(subscription.Replay, this))
            return false;
        List<RetainedEntry> entries = _entries ??= store.Match(subscription.Filter);
        // As they are now: who subscribes again is still owed the rest, on the new terms [MQTT-3.8.4-4].
        SubscriptionTerms terms = subscription.Terms;
        for (; _next < entries.Count; _next++)
        {
            // Anything stored later than the subscription reached it as live traffic.
            if (entries[_next].Message is not { } message || message.RetainedUpdate > terms.ReplayedThrough || message.IsExpired(now))
                continue;
            QoS qos = message.QoS < terms.Options.QoS ? message.QoS : terms.Options.QoS;
            delivery = new Delivery(message, qos, Retain: true, terms.Identifier == 0 ? null : [terms.Identifier]);
            return true;
        }

        subscription.Replay = null;
        return false;
    }

    public void Advance() => _next++;
}
