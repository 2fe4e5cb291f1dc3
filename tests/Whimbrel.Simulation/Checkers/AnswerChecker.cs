using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// Everything that the broker says but PUBLISH: the right answer, in the order in which it was asked [MQTT-4.6.0-2 to MQTT-4.6.0-4], and
/// not before what it says is on the disk.
/// </summary>
internal sealed class AnswerChecker(World world)
{
    private ModelState State => world.Model.State;

    private long OnDisk => world.Model.OnDisk.Ops;

    public void OnAnswer(SimulatedLink link, Seen seen)
    {
        LinkWatch watch = link.Watch;
        switch (seen.Type)
        {
            case PacketType.ConnAck:
                OnConnAck(link, seen);
                break;
            case PacketType.PubAck:
                OnPublished(link, seen, Next(watch.PubAcks, seen, link));
                break;
            case PacketType.PubRec:
                OnPublished(link, seen, Next(watch.PubRecs, seen, link));
                break;
            case PacketType.PubRel:
                OnPubRel(link, seen);
                break;
            case PacketType.PubComp:
                RequireOnDisk(link, seen, Next(watch.PubComps, seen, link).Op);
                break;
            case PacketType.SubAck or PacketType.UnsubAck:
                int index = watch.SubAcks.FindIndex(awaited => awaited.PacketId == seen.PacketId);
                if (index < 0)
                    throw new ViolationException("answers", $"{seen.Type} {seen.PacketId} to {link.Peer}, which did not ask");
                RequireOnDisk(link, seen, watch.SubAcks[index].Op);
                watch.SubAcks.RemoveAt(index);
                break;
            case PacketType.Disconnect:
                watch.SaidGoodbye = true;
                break;
            default:
                break;
        }
    }

    private void OnConnAck(SimulatedLink link, Seen seen)
    {
        LinkWatch watch = link.Watch;
        if (watch.IsAccepted)
            throw new ViolationException("answers", $"a second CONNACK to {link.Peer}");
        bool accepted = seen is { ReturnCode: ConnectReturnCode.Accepted, Reason: ReasonCode.Success };
        if (accepted == watch.IsRefused)
            throw new ViolationException("answers", $"CONNACK to {link.Peer} says {seen.Reason}, the event says otherwise");
        watch.IsAccepted = accepted;
        if (!accepted)
            return;
        if (seen.SessionPresent != watch.Present)
            throw new ViolationException("session present", $"CONNACK to {link.Peer} says {seen.SessionPresent}");
        RequireOnDisk(link, seen, watch.ConnectOp);
    }

    private void OnPublished(SimulatedLink link, Seen seen, AwaitedAck awaited)
    {
        if (ReasonCodes.IsError(seen.Reason) != awaited.Refused)
            throw new ViolationException("answers", $"{seen.Type} {seen.PacketId} to {link.Peer} says {seen.Reason}");
        if (awaited.Refused)
        {
            world.Happened("publish refused");
            return;
        }

        if (link.Version == ProtocolVersion.Mqtt50 && seen.Reason == ReasonCode.Success != awaited.Matched)
            throw new ViolationException("answers", $"{seen.Type} {seen.PacketId} to {link.Peer} says {seen.Reason}");
        bool isRemembered = seen.Type == PacketType.PubRec && State.SessionOf(link.Number) is { IsDurable: true };
        if (isRemembered || IsNeeded(awaited))
            RequireOnDisk(link, seen, awaited.Op);
    }

    /// <summary>Whether a crash would lose something if the message were not on the disk.</summary>
    private bool IsNeeded(in AwaitedAck awaited)
    {
        long op = awaited.Op;
        return State.Sessions.Values.Any(session => session.IsDurable
                && session.Owed.Exists(owed => owed.Op == op && owed.Group is null && !owed.IsReplay && !session.Drops.ContainsKey(owed.Publication.Topic)))
            || State.Shared.Exists(shared => shared.Op == op && shared is { IsDurable: true, MayBeLost: false })
            || (awaited.Publication is { Retain: true } publication && State.Retained.TryGetValue(publication.Topic, out List<RetainedValue>? values) && values[^1].Op == op);
    }

    private void OnPubRel(SimulatedLink link, Seen seen)
    {
        LinkWatch watch = link.Watch;
        ModelSession? session = State.SessionOf(link.Number);
        if (watch.PubRels.TryPeek(out AwaitedAck awaited) && awaited.PacketId == seen.PacketId)
        {
            watch.PubRels.Dequeue();
        }
        else if (session is not null)
        {
            if (!session.Released.ContainsKey(seen.PacketId))
                throw new ViolationException("answers", $"PUBREL {seen.PacketId} to {link.Peer} for nothing");
            if (!watch.ResentPubRels.Add(seen.PacketId))
                throw new ViolationException("answers", $"PUBREL {seen.PacketId} to {link.Peer} sent again twice");
            world.Happened("PUBREL sent again");
        }

        if (session is { IsDurable: true })
            RequireOnDisk(link, seen, session.Released.GetValueOrDefault(seen.PacketId));
    }

    private static AwaitedAck Next(Queue<AwaitedAck> awaited, Seen seen, SimulatedLink link)
    {
        if (!awaited.TryDequeue(out AwaitedAck next))
            throw new ViolationException("answers", $"{seen.Type} {seen.PacketId} to {link.Peer}, which did not ask");
        return next.PacketId == seen.PacketId
            ? next
            : throw new ViolationException("order of answers", $"{seen.Type} {seen.PacketId} to {link.Peer}, which first awaits that of {next.PacketId}");
    }

    private void RequireOnDisk(SimulatedLink link, Seen seen, long op)
    {
        if (op > OnDisk)
            throw new ViolationException("acknowledged means safe", $"{seen.Type} {seen.PacketId} to {link.Peer} acknowledges operation {op}, and the disk holds {OnDisk}");
    }
}
