using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Brings one message to everybody who should get it. Holds no gate when it is called and one at a time while it works.
/// </summary>
internal sealed class Router(MessageBroker broker)
{
    /// <summary>Routes, and stores what durable sessions keep.</summary>
    public RouteOutcome Route(in Route route, Turn turn)
    {
        if (route.Message is not { } message)
            return new RouteOutcome(ReasonCode.Success, turn.EndStoring(route.Change));
        long retained = 0;
        bool mayReject = route.IsRefusable && broker.Options.OutboxPolicy == OutboxPolicy.RejectPublisher;
        if (route.Group is null && !TryAdmit(route, message, mayReject, turn, out retained))
            return new RouteOutcome(ReasonCode.QuotaExceeded, 0);
        ReasonCode reason = ReasonCode.UnspecifiedError;
        long position = 0;
        turn.BeginStoring(route.Stored);
        turn.IsAdmitted = mayReject;
        try
        {
            reason = route.Group is { } group ? Redeliver(group, message, turn) : Deliver(message, turn);
        }
        finally
        {
            // Also when a port has thrown: the thread's next message must not meet these, and what some have taken is theirs.
            turn.IsAdmitted = false;
            turn.Matches.Clear();
            position = turn.EndStoring(route.Change);
        }

        return new RouteOutcome(reason, Math.Max(position, retained));
    }

    /// <summary>Whether the message may go out; if so, it is retained when it is to be.</summary>
    private bool TryAdmit(in Route route, Message message, bool mayReject, Turn turn, out long retained)
    {
        retained = 0;
        if (route.IsRefusable && broker.Journal.IsFull && WouldBeStored(message, turn.Matches))
        {
            turn.Dropped(DropReason.StoreFull, message.Publisher, message);
            return false;
        }

        if (mayReject && !EverybodyHasRoom(message, turn.Matches, turn))
            return false;
        // Retained first, the tree second: a subscription that comes in between finds the message in one of the two (see RetainedReplay).
        if (!message.Retain || broker.Retained.Set(message, route.IsRefusable, turn.Now, out retained) != RetainedOutcome.Full)
            return true;
        turn.Dropped(DropReason.RetainedFull, message.Publisher, message);
        return !route.IsRefusable;
    }

    private ReasonCode Deliver(Message message, Turn turn)
    {
        broker.Tree.Match(message.Topic, turn.Matches);
        return DeliverToAll(message, turn.Matches, turn) ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
    }

    /// <summary>A shared delivery that its member never got goes to the group again, by its name if the group has been made anew.</summary>
    private ReasonCode Redeliver(SharedGroup group, Message message, Turn turn)
    {
        if (message.IsExpired(turn.Now))
        {
            turn.Dropped(DropReason.Expired, null, message);
            return ReasonCode.NoMatchingSubscribers;
        }

        if (DeliverToGroup(group, message, turn)
            || (broker.Tree.FindGroup(group.Filter) is { } again && !ReferenceEquals(again, group) && DeliverToGroup(again, message, turn)))
        {
            return ReasonCode.Success;
        }

        turn.Dropped(DropReason.SessionEnded, null, message);
        return ReasonCode.NoMatchingSubscribers;
    }

    private static bool DeliverToAll(Message message, MatchList matches, Turn turn)
    {
        bool matched = false;
        if (matches.Sets > 1)
            matches.Items.Sort(static (a, b) => (a.Subscriber?.Number ?? 0).CompareTo(b.Subscriber?.Number ?? 0));
        Span<Subscription> items = matches.Items;
        for (int first = 0; first < items.Length;)
        {
            Subscription subscription = items[first];
            int next = first + 1;
            if (subscription.Subscriber is { } gate)
            {
                while (next < items.Length && ReferenceEquals(items[next].Subscriber, gate))
                    next++;
                matched |= DeliverToOne(gate, message, items[first..next], turn);
            }
            else if (subscription.Group is { } group)
            {
                matched |= DeliverToGroup(group, message, turn);
            }
            else
            {
                matched = true;
                if (!subscription.Local!.TryDeliver(turn.Lasting(message), retained: false))
                    turn.Dropped(DropReason.HandlerFull, null, message);
            }

            first = next;
        }

        return matched;
    }

    private static bool DeliverToOne(SessionGate gate, Message message, ReadOnlySpan<Subscription> matched, Turn turn)
    {
        SessionGate.Scope scope = default;
        if (turn.Postponed.Has(gate) || !gate.TryEnter(out scope))
        {
            if (turn.Postponed.TryAdd(gate, message, matched, turn))
                return true;
            scope = gate.Enter();
        }

        using (scope)
            return !scope.Session.Ended && scope.Session.Deliver(message, matched, turn);
    }

    /// <summary>One member gets it: an online one if there is any.</summary>
    private static bool DeliverToGroup(SharedGroup group, Message message, Turn turn)
    {
        // Members may leave between the choice and their gate. As often as that happens another one is chosen; the last attempts take
        // whoever owns the subscription, online or not.
        const int Attempts = 8;
        for (int attempt = 0; attempt < Attempts && group.Choose(attempt) is { } member; attempt++)
        {
            // Where publishers are rejected for full outboxes, the message was admitted because some member has room: that one takes it.
            if (turn.IsAdmitted && !HasRoom(member, message, turn))
                member = FindWithRoom(group, message, turn) ?? member;
            SessionGate gate = member.Subscriber!;
            bool preferOnline = attempt < Attempts / 2 && !turn.IsAdmitted && group.HasOtherOnline(gate);
            using SessionGate.Scope scope = gate.Enter();
            if (member.IsRemoved || (scope.Session.Connection is null && preferOnline))
                continue;
            scope.Session.DeliverShared(message, member, group, turn);
            return true;
        }

        return false;
    }

    private bool EverybodyHasRoom(Message message, MatchList matches, Turn turn)
    {
        broker.Tree.Match(message.Topic, matches);
        bool room = true;
        foreach (Subscription subscription in matches.Items)
        {
            room &= subscription switch
            {
                { Group: { } group } => FindWithRoom(group, message, turn) is not null,
                { Subscriber: not null } => HasRoom(subscription, message, turn),
                _ => true,
            };
        }

        matches.Clear();
        return room;
    }

    /// <summary>Apart from its callers, so that only who asks pays for the closure.</summary>
    private static Subscription? FindWithRoom(SharedGroup group, Message message, Turn turn) => group.Find(member => HasRoom(member, message, turn));

    /// <summary>Whether the store would have to keep a message of QoS 1 or 2.</summary>
    private bool WouldBeStored(Message message, MatchList matches)
    {
        broker.Tree.Match(message.Topic, matches);
        // An empty payload removes what is retained: that makes the store smaller.
        bool stored = message.Retain && message.PayloadLength > 0;
        foreach (Subscription subscription in matches.Items)
            stored |= subscription.Group is { } group ? group.Find(IsDurable) is not null : IsDurable(subscription);
        matches.Clear();
        return stored;
    }

    private static bool IsDurable(Subscription subscription) =>
        subscription.Subscriber is { IsDurable: true } && subscription.Terms.Options.QoS != QoS.AtMostOnce;

    private static bool HasRoom(Subscription subscription, Message message, Turn turn)
    {
        // A QoS 0 subscription queues nothing.
        if (subscription.Terms.Options.QoS == QoS.AtMostOnce)
            return true;
        using SessionGate.Scope scope = subscription.Subscriber!.Enter();
        return scope.Session.HasRoom(message.Size, turn);
    }
}
