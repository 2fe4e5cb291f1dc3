using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// Every PUBLISH that the broker sends: its receiver is owed it, it has the right flags, its packet identifier is free or its own, it
/// comes in order, and within the receiver's bounds.
/// </summary>
internal sealed class DeliveryChecker(World world)
{
    private ModelState State => world.Model.State;

    public void OnPublish(SimulatedLink link, Seen seen)
    {
        string topic = Resolve(link, seen);
        // Gone in this very turn: what it was sent before counts no more.
        if (State.SessionOf(link.Number) is not { } session)
            return;
        string name = Publication.NameOf(topic, seen.Payload);
        if (seen.QoS == QoS.AtMostOnce)
            OnAtMostOnce(link, session, seen, topic, name);
        else
            OnAcknowledged(link, session, seen, topic, name);
    }

    private static string Resolve(SimulatedLink link, Seen seen)
    {
        if (seen.TopicAlias == 0)
            return seen.Topic;
        if (seen.TopicAlias > SimulatedClient.TopicAliasMax)
            throw new ViolationException("topic alias", $"alias {seen.TopicAlias} to {link.Peer}");
        if (seen.Topic.Length > 0)
            link.Watch.Aliases[seen.TopicAlias] = seen.Topic;
        return link.Watch.Aliases.TryGetValue(seen.TopicAlias, out string? topic)
            ? topic
            : throw new ViolationException("topic alias", $"alias {seen.TopicAlias} to {link.Peer} was never set");
    }

    private void OnAtMostOnce(SimulatedLink link, ModelSession session, Seen seen, string topic, string name)
    {
        // With the flag it may be a live copy or the retained one that must come: it counts as both, since one of them may have been lost.
        bool isLive = session.MayCome.Remove((name, seen.Retain));
        if (FindReplay(session, seen, topic, name, isElsewhere: isLive) is null && !isLive)
            throw new ViolationException("delivered without reason", $"{name} to {link.Peer} with QoS 0{(seen.Retain ? " and RETAIN" : "")}; replays {string.Join("; ", session.Replays)}");
    }

    private void OnAcknowledged(SimulatedLink link, ModelSession session, Seen seen, string topic, string name)
    {
        LinkWatch watch = link.Watch;
        int index = session.Owed.FindIndex(owed => owed.PacketId == seen.PacketId);
        if (index >= 0 && session.Owed[index].Publication.Name != name)
            throw new ViolationException("packet identifier", $"{seen.PacketId} to {link.Peer} means {name} and {session.Owed[index].Publication.Name}");
        if (session.Released.ContainsKey(seen.PacketId))
            throw new ViolationException("packet identifier", $"{seen.PacketId} to {link.Peer} means {name} and a message that still awaits PUBCOMP");
        if (index < 0)
            index = FindOwed(session, seen, topic, name);
        if (index < 0)
            throw new ViolationException("delivered without reason", $"{name} to {link.Peer} with QoS {(int)seen.QoS}; replays {string.Join("; ", session.Replays)}");
        Owed owed = session.Owed[index];
        CheckFlags(link, session, seen, owed);
        if (owed.SentOn == watch.Number)
            throw new ViolationException("resend", $"{name} to {link.Peer} twice on one connection");
        if (owed.SentOn != 0 && !seen.Duplicate)
            throw new ViolationException("DUP", $"{name} to {link.Peer} again without DUP");
        // Which of several wills goes first that one moment makes due is not said anywhere.
        if (!owed.IsReplay && owed.Group is null && !owed.Publication.IsWill)
        {
            // Of two copies with one name the first may have been dropped.
            if (owed.Op < watch.LastOp && !session.Drops.ContainsKey(topic))
                throw new ViolationException("order", $"{name} of operation {owed.Op} to {link.Peer} behind one of operation {watch.LastOp}");
            // What bears the flag may have been the retained copy of a message that is owed live as well.
            if (!seen.Retain || session.Replays.TrueForAll(replay => !replay.May.Contains(topic)))
                watch.LastOp = Math.Max(watch.LastOp, owed.Op);
        }

        world.Happened($"QoS {(int)seen.QoS} delivered{(owed.SentOn != 0 ? " again" : "")}{(owed.IsReplay ? ", retained" : "")}{(owed.Group is not null ? ", shared" : "")}");
        session.Owed[index] = owed with { PacketId = seen.PacketId, SentOn = watch.Number };
        watch.Outstanding.Add(seen.PacketId);
        int max = Math.Min(watch.Connect!.ReceiveMaximum, world.Scenario.Options.InFlightMax);
        if (watch.Outstanding.Count > max)
            throw new ViolationException("receive maximum", $"{watch.Outstanding.Count} unacknowledged at {link.Peer}, which takes {max}");
    }

    private void CheckFlags(SimulatedLink link, ModelSession session, Seen seen, in Owed owed)
    {
        if (seen.QoS != owed.QoS || seen.Retain != owed.Retain)
            throw new ViolationException("flags", $"{owed.Publication.Name} to {link.Peer} with QoS {(int)seen.QoS} and RETAIN {seen.Retain}");
        if (link.Version == ProtocolVersion.Mqtt50 && string.Join(",", seen.SubscriptionIds.Order()) != owed.Ids && !owed.IsReplay)
            throw new ViolationException("subscription identifiers", $"{owed.Publication.Name} to {link.Peer} with [{string.Join(",", seen.SubscriptionIds)}], not [{owed.Ids}]");
        // Which of several copies with one name a group sends is its own affair.
        long expiresAt = owed.Group is null ? owed.Publication.ExpiresAt : world.Model.LastExpiryOf(owed.Publication.Name);
        // Of two copies with one name the first may have been dropped.
        if (expiresAt <= world.Agenda.Now && owed.SentOn == 0 && !seen.Duplicate && !session.Drops.ContainsKey(owed.Publication.Topic))
            throw new ViolationException("expiry", $"{owed.Publication.Name} to {link.Peer} {world.Agenda.Now - expiresAt} ms after its expiry");
    }

    /// <summary>
    /// What the session is owed under this name and has not been sent; what a group or a retained topic owes becomes the session's here.
    /// </summary>
    private int FindOwed(ModelSession session, Seen seen, string topic, string name)
    {
        // A live copy and a retained one of the same message differ in their flag, two live ones perhaps in the subscriptions that they matched.
        string ids = string.Join(",", seen.SubscriptionIds.Order());
        int index = session.Owed.FindIndex(owed => owed.PacketId == 0 && owed.Publication.Name == name && owed.Retain == seen.Retain && owed.QoS == seen.QoS
            && owed.Ids == ids);
        if (index >= 0)
            return index;
        if (FindShared(session, name) is { } shared)
        {
            // The terms are those of the member's subscription when it was chosen.
            QoS qos = ModelState.Lower(shared.Publication.QoS, seen.QoS);
            session.Owed.Add(new Owed(shared.Publication, qos, seen.Retain, ids, shared.Op, Group: shared.Filter));
            return session.Owed.Count - 1;
        }

        if (FindReplay(session, seen, topic, name) is not { } publication)
            return session.Owed.FindIndex(owed => owed.PacketId == 0 && owed.Publication.Name == name);
        session.Owed.Add(new Owed(publication, seen.QoS, Retain: true, "", State.Ops, IsReplay: true));
        return session.Owed.Count - 1;
    }

    private SharedOwed? FindShared(ModelSession session, string name)
    {
        // Of several with one name, one that cannot have been dropped.
        SharedOwed? found = State.Shared.Where(shared => shared.Publication.Name == name && shared.Holder is null && session.Groups.Contains(shared.Filter))
            // Of copies with one name nobody knows which it was: the one that stays may be the one that expires first, and the one on the disk.
            .OrderBy(shared => shared.MayBeLost).ThenByDescending(shared => shared.Publication.ExpiresAt).ThenByDescending(shared => shared.Op).FirstOrDefault();
        if (found is null)
            return null;
        return State.Shared[State.Shared.IndexOf(found)] = found with { Holder = session.ClientId };
    }

    /// <summary>The retained message that a replay of the session may send under this name.</summary>
    /// <param name="isElsewhere">It may have come for another reason, so that the replay may still send it.</param>
    private Publication? FindReplay(ModelSession session, Seen seen, string topic, string name, bool isElsewhere = false)
    {
        if (!seen.Retain || !State.Retained.TryGetValue(topic, out List<RetainedValue>? values))
            return null;
        foreach (ModelReplay replay in session.Replays.OrderByDescending(replay => replay.Must.Contains(topic)))
        {
            if (!replay.May.Contains(topic))
                continue;
            foreach (long op in replay.Again.Prepend(replay.Since))
            {
                if (At(values, op) is { } publication && publication.Name == name && seen.QoS <= publication.QoS)
                {
                    replay.Must.Remove(topic);
                    replay.Served.Add(topic);
                    // After a crash what had begun to leave comes, and then all of it again.
                    if (replay.Again.Count == 0 && !isElsewhere)
                        replay.May.Remove(topic);
                    return publication;
                }
            }
        }

        return null;
    }

    /// <summary>What was retained behind an operation.</summary>
    private static Publication? At(List<RetainedValue> values, long op)
    {
        Publication? publication = null;
        foreach (RetainedValue value in values)
            publication = value.Op <= op ? value.Publication : publication;
        return publication;
    }
}
