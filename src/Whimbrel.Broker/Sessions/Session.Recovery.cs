using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>The way back after a restart, in three steps that every session takes together with all others.</summary>
internal sealed partial class Session
{
    /// <summary>First: who it is and what it subscribed to.</summary>
    public void Restore(RecoveredSession recovered, Turn turn)
    {
        recovered.Settle();
        SessionState state = recovered.State;
        _exists = true;
        _stored = recovered.Stored;
        _version = state.Version;
        _userName = state.UserName;
        _expirySeconds = state.ExpirySeconds;
        // Who was connected when the broker ended lost the connection with it.
        _since = state.DisconnectedAt == Message.Never ? turn.Now : state.DisconnectedAt;
        foreach (ushort packetId in recovered.Received)
            (_received ??= new()).Add(packetId);
        foreach (SubscriptionState subscription in recovered.Subscriptions)
            Restore(subscription);
        RestoreWills(recovered.Stored, recovered.Wills, turn);
    }

    /// <summary>Second, when every shared group has its members: what it is owed.</summary>
    public void RestoreDeliveries(RecoveredSession recovered)
    {
        var waiting = new Queue<Delivery>(recovered.Deliveries);
        foreach ((long sequence, ushort packetId) in recovered.Sent)
        {
            RestoreQueued(waiting, sequence);
            if (waiting.TryPeek(out Delivery delivery) && delivery.Copy!.Sequence == sequence)
            {
                waiting.Dequeue();
                InFlightState state = delivery.QoS == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck : InFlightState.AwaitingPubRec;
                Window().Restore(packetId, state, delivery.With(GroupOf(delivery)));
            }
            else
            {
                // The client has the message; what it does not know yet is that the broker knows.
                Window().Restore(packetId, InFlightState.AwaitingPubComp, StoredCopy.Released(recovered.Stored, sequence, packetId));
            }
        }

        RestoreQueued(waiting, long.MaxValue);
    }

    /// <summary>Third: time goes on. What was due meanwhile happens now.</summary>
    public void Resume(RecoveredSession recovered, Turn turn)
    {
        if (turn.Now >= ExpiresAt)
        {
            broker.Statistics.CountExpired();
            End(turn);
            return;
        }

        // The expiry must not begin again with every crash.
        if (recovered.State.DisconnectedAt == Message.Never)
            Remember(Journal.Append(StateNow(_stored!)));
        if (WillDue <= turn.Now)
            PublishWill(turn);
        Schedule();
    }

    private void Restore(SubscriptionState state)
    {
        var subscription = new Subscription(Encoding.UTF8.GetBytes(state.Filter), gate, new SubscriptionTerms(state.Options, state.Identifier, 0));
        if (!TopicFilter.TryParse(subscription.Filter, out TopicFilter filter))
            throw new StoreException(StoreFailure.Corrupt, $"the stored session of client '{ClientId}' has a subscription that is not a topic filter; restore a backup");
        _subscriptions.Add(subscription);
        broker.Tree.Add(filter, subscription);
        if (!state.IsOwedRetained)
            return;
        // Even if nothing is retained any more: the store still says that it is owed, until it is told otherwise.
        broker.Retained.MayMatch(subscription.Filter, out long updates);
        subscription.Terms = subscription.Terms with { ReplayedThrough = updates };
        Owe(subscription, wasOwed: true);
    }

    private void RestoreWills(StoredSession recovered, List<WillState> wills, Turn turn)
    {
        foreach (WillState will in wills)
        {
            // Only the last is of the last connection; one before it was about to be published.
            if (recovered.WillNumber != 0)
                PublishWill(turn);
            _will = will.Will;
            recovered.WillNumber = recovered.LastWillNumber = will.Number;
        }
    }

    private void RestoreQueued(Queue<Delivery> waiting, long below)
    {
        while (waiting.TryPeek(out Delivery delivery) && delivery.Copy!.Sequence < below)
        {
            waiting.Dequeue();
            _outbox.Restore(delivery.With(GroupOf(delivery)));
        }
    }

    private SharedGroup? GroupOf(in Delivery delivery) => delivery.Group is { } group ? broker.Tree.FindGroup(group.Filter) ?? group : null;
}
