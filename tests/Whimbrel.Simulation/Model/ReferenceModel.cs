using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// The broker as the specification and the promise describe it, written for the eye. It is told every packet that the real one took and
/// every deadline, and says what must follow. A crash takes it back to the state that the last whole batch on the disk stands for: what
/// was acknowledged behind that state was lost, and must not have been acknowledged.
/// </summary>
internal sealed class ReferenceModel(BrokerOptions options, Trace trace)
{
    private readonly Queue<Publication> _wills = new();
    private readonly Dictionary<string, long> _lastExpiries = [];
    private ModelState? _taken;
    private bool _isShuttingDown;

    public ModelState State { get; private set; } = new();

    /// <summary>What a crash at this moment would leave.</summary>
    public ModelState OnDisk { get; private set; } = new();

    /// <summary>The writer takes a batch: everything that happened so far is in it or in one before.</summary>
    public void Taken() => _taken = State.Copy();

    /// <summary>That batch is on the disk.</summary>
    public void Kept() => OnDisk = _taken!;

    public void ShuttingDown() => _isShuttingDown = true;

    /// <summary>A new process has read what is on the disk.</summary>
    public void Recover(long now)
    {
        _taken = null;
        _isShuttingDown = false;
        State = OnDisk.Copy();
        State.Ops++;
        ModelSession[] sessions = [.. State.Sessions.Values.OrderBy(session => session.Born)];
        foreach (ModelSession session in sessions.Where(session => !session.IsDurable))
            State.Sessions.Remove(session.ClientId);
        foreach (ModelSession session in sessions.Where(session => session.IsDurable))
        {
            // Who was connected lost the connection with the process.
            if (session.IsConnected)
                (session.Link, session.DisconnectedAt) = (0, now);
            if (session.Will is not null)
                session.WillDue = session.DisconnectedAt + (session.WillDelaySeconds * 1000L);
            session.MayCome.Clear();
            // A replay that is owed still is owed as a whole, on what is retained now.
            foreach (ModelReplay replay in session.Replays.Where(replay => !replay.IsFinished))
            {
                replay.May.UnionWith(State.Retained.Keys.Where(topic => ModelState.Matches(replay.Filter, topic)));
                replay.Again.Add(State.Ops);
                // What went out with QoS 0 shortly before the end was lost with the connection.
                replay.Must.RemoveWhere(topic => State.Retained.TryGetValue(topic, out List<RetainedValue>? values) && values[^1].Publication is { QoS: QoS.AtMostOnce });
            }
        }

        foreach (ModelSession session in sessions.Where(session => session.IsDurable))
        {
            if (now >= session.ExpiresAt)
                End(session);
            else if (now >= session.WillDue)
                PublishWill(session);
            RouteWills();
        }
    }

    /// <returns>Whether the client must be told that its session is there, and whether something must be on disk before.</returns>
    public (bool Present, bool NeedsDisk) Connect(long link, Heard connect, long now)
    {
        State.Ops++;
        if (State.Sessions.TryGetValue(connect.ClientId, out ModelSession? session) && session.IsConnected)
            Detach(session, now);
        bool needsDisk = false;
        if (State.Sessions.TryGetValue(connect.ClientId, out session) && connect.CleanStart)
        {
            needsDisk = session.IsDurable;
            End(session);
            session = null;
        }

        uint expiry = connect.Version == ProtocolVersion.Mqtt50 ? connect.ExpirySeconds ?? 0 : connect.CleanStart ? 0 : uint.MaxValue;
        bool present = session is not null;
        if (session is null)
        {
            session = new ModelSession { ClientId = connect.ClientId, Born = State.Ops, IsDurable = expiry > 0 };
            State.Sessions.Add(connect.ClientId, session);
        }

        session.Link = link;
        session.ExpirySeconds = Math.Min(expiry, options.SessionExpirySecondsMax);
        session.ConnectedExpirySeconds = expiry;
        session.Will = connect.Will;
        session.WillDelaySeconds = connect.WillDelaySeconds;
        session.WillDue = Message.Never;
        RouteWills();
        return (present, needsDisk || session.IsDurable);
    }

    /// <returns>Whether anybody's subscription matched.</returns>
    public bool Publish(ModelSession publisher, Heard publish, long now, out bool isRepetition)
    {
        State.Ops++;
        Publication publication = publish.Publication!;
        isRepetition = publication.QoS == QoS.ExactlyOnce && publisher.Received.ContainsKey(publish.PacketId);
        if (isRepetition)
            return true;
        if (publication.QoS == QoS.ExactlyOnce)
            publisher.Received.Add(publish.PacketId, State.Ops);
        return Route(publication with { ExpiresAt = publish.MessageExpirySeconds is { } seconds ? now + (seconds * 1000L) : Message.Never });
    }

    /// <returns>Whether the identifier was known.</returns>
    public bool PubRel(ModelSession publisher, ushort packetId)
    {
        State.Ops++;
        return publisher.Received.Remove(packetId);
    }

    /// <summary>PUBACK, PUBREC or PUBCOMP of a receiver.</summary>
    public void Acknowledge(ModelSession receiver, PacketType type, ushort packetId)
    {
        State.Ops++;
        if (type == PacketType.PubComp)
        {
            receiver.Released.Remove(packetId);
            return;
        }

        QoS qos = type == PacketType.PubAck ? QoS.AtLeastOnce : QoS.ExactlyOnce;
        int index = receiver.Owed.FindIndex(owed => owed.PacketId == packetId && owed.QoS == qos);
        if (index < 0)
            return;
        Owed done = receiver.Owed[index];
        receiver.Owed.RemoveAt(index);
        if (done.Group is not null)
            State.Shared.RemoveAll(shared => shared.Op == done.Op && shared.Filter == done.Group);
        if (qos == QoS.ExactlyOnce)
            receiver.Released.Add(packetId, State.Ops);
    }

    public void Subscribe(ModelSession session, Heard subscribe)
    {
        State.Ops++;
        foreach ((string filter, SubscriptionOptions asked) in subscribe.Filters)
        {
            bool isNew = !session.Subscriptions.ContainsKey(filter);
            var subscription = new ModelSubscription(filter, asked, subscribe.SubscriptionId, State.Ops);
            session.Subscriptions[filter] = subscription;
            if (subscription.IsShared)
                session.Groups.Add(filter);
            if (subscription.IsShared || asked.RetainHandling == RetainHandling.DoNotSend || (asked.RetainHandling == RetainHandling.SendIfNew && !isNew))
                continue;
            EndReplays(session, filter);
            string[] topics = [.. State.RetainedNow.Select(publication => publication.Topic).Where(topic => ModelState.Matches(filter, topic))];
            session.Replays.Add(new ModelReplay(filter, State.Ops) { Must = [.. topics], May = [.. topics] });
        }
    }

    /// <returns>Whether there was anything to end.</returns>
    public bool Unsubscribe(ModelSession session, Heard unsubscribe)
    {
        State.Ops++;
        bool ended = false;
        foreach ((string filter, _) in unsubscribe.Filters)
        {
            ended |= session.Subscriptions.Remove(filter);
            EndReplays(session, filter);
        }

        return ended;
    }

    public void Disconnect(ModelSession session, Heard disconnect, long now)
    {
        State.Ops++;
        if (disconnect.ExpirySeconds is { } seconds)
            session.ExpirySeconds = Math.Min(seconds, options.SessionExpirySecondsMax);
        if (disconnect.Reason == ReasonCode.Success)
            session.Will = null;
        Detach(session, now);
        RouteWills();
    }

    public void Lost(long link, long now)
    {
        State.Ops++;
        if (State.SessionOf(link) is { } session)
            Detach(session, now);
        RouteWills();
    }

    /// <summary>Deadlines: they are met in steps of 100 ms.</summary>
    public void Heartbeat(long now)
    {
        State.Ops++;
        foreach (ModelSession session in State.Sessions.Values.Where(session => !session.IsConnected).ToArray())
        {
            if (IsDue(session.ExpiresAt, now))
                End(session);
            else if (IsDue(session.WillDue, now))
                PublishWill(session);
            RouteWills();
        }
    }

    /// <summary>When the last message of this name expires: a client's repetition is a new message, with a new expiry.</summary>
    public long LastExpiryOf(string name) => _lastExpiries[name];

    /// <summary>A retained message is removed from inside the process, where nobody subscribes.</summary>
    public void Clear(string topic)
    {
        State.Ops++;
        Retain(Publication.Of(topic, "", QoS.AtLeastOnce, retain: true, ""));
    }

    private static bool IsDue(long due, long now) => due != Message.Never && now / 100 >= (due + 99) / 100;

    /// <summary>What a replay has begun to send still comes.</summary>
    private static void EndReplays(ModelSession session, string filter)
    {
        foreach (ModelReplay replay in session.Replays.Where(replay => replay.Filter == filter))
        {
            // What came may have been another's.
            foreach (ModelReplay other in session.Replays)
                other.Must.ExceptWith(replay.Served);
            replay.Must.Clear();
            replay.IsFinished = true;
        }

        session.Replays.RemoveAll(replay => replay.Filter == filter && replay.May.Count == 0);
    }

    private void Detach(ModelSession session, long now)
    {
        session.Link = 0;
        session.DisconnectedAt = now;
        // The next process will publish it.
        bool waitsForRestart = _isShuttingDown && session.IsDurable && session.ExpirySeconds > 0;
        if (session.Will is not null && !waitsForRestart)
            session.WillDue = now + (session.WillDelaySeconds * 1000L);
        if (session.ExpirySeconds == 0)
        {
            End(session);
            return;
        }

        HandOverShared(session);
        if (session.WillDue <= now)
            PublishWill(session);
    }

    /// <summary>What a member held for its group may go to any other that there is now: then it is as safe as that one.</summary>
    private void HandOverShared(ModelSession from)
    {
        for (int i = 0; i < State.Shared.Count; i++)
        {
            SharedOwed shared = State.Shared[i];
            if (!shared.Members.Contains(from.ClientId))
                continue;
            ModelSession[] others = [.. State.MembersOf(shared.Filter).Where(member => member.ClientId != from.ClientId)];
            State.Shared[i] = shared with
            {
                Members = [.. shared.Members.Union(others.Select(other => other.ClientId))],
                MayBeLost = shared.MayBeLost || others.Any(other => !other.IsDurable),
            };
        }
    }

    private void End(ModelSession session)
    {
        trace.Add($"model: the session of {session.ClientId} ends");
        State.Sessions.Remove(session.ClientId);
        for (int i = 0; i < State.Shared.Count; i++)
        {
            SharedOwed shared = State.Shared[i];
            bool held = shared.Holder == session.ClientId;
            // What was in flight with QoS 2 ends with the session: it might be delivered twice. So does everything for which no member is left.
            bool mayBeLost = shared.Members.Contains(session.ClientId) && (shared.Publication.QoS == QoS.ExactlyOnce || !State.MembersOf(shared.Filter).Any());
            State.Shared[i] = shared with { Holder = held ? null : shared.Holder, MayBeLost = shared.MayBeLost || mayBeLost };
        }

        HandOverShared(session);
        // Also one that waited for a restart.
        if (session.Will is not null)
            PublishWill(session);
    }

    private void PublishWill(ModelSession session)
    {
        Publication will = session.Will!;
        session.Will = null;
        session.WillDue = Message.Never;
        trace.Add($"model: the will {will} is published");
        _wills.Enqueue(will);
    }

    /// <summary>Wills go out when what made them due is over.</summary>
    private void RouteWills()
    {
        while (_wills.TryDequeue(out Publication? will))
            Route(will);
    }

    private bool Route(Publication publication)
    {
        _lastExpiries[publication.Name] = publication.ExpiresAt;
        if (publication.Retain)
            Retain(publication);
        bool matched = false;
        foreach (ModelSession session in State.Sessions.Values)
            matched |= Deliver(publication, session);
        foreach (string filter in State.Sessions.Values.SelectMany(session => session.Subscriptions.Values)
            .Where(subscription => subscription.IsShared && ModelState.Matches(subscription.Pattern, publication.Topic))
            .Select(subscription => subscription.Filter).Distinct().ToArray())
        {
            matched = true;
            ModelSession[] members = [.. State.MembersOf(filter)];
            State.Shared.Add(new SharedOwed(filter, publication, State.Ops, [.. members.Select(member => member.ClientId)])
            {
                IsDurable = members.All(member => member.IsDurable),
                MayBeLost = members.Any(member => !member.IsDurable),
            });
        }

        return matched;
    }

    private void Retain(Publication publication)
    {
        if (!State.Retained.TryGetValue(publication.Topic, out List<RetainedValue>? values))
            State.Retained.Add(publication.Topic, values = []);
        values.Add(new RetainedValue(publication.IsEmpty ? null : publication, State.Ops));
        // Whoever was owed the value before gets this one, or none.
        foreach (ModelReplay replay in State.Sessions.Values.SelectMany(session => session.Replays))
            replay.Must.Remove(publication.Topic);
    }

    private bool Deliver(Publication publication, ModelSession session)
    {
        ModelSubscription[] matching = [.. session.Subscriptions.Values.Where(subscription =>
            !subscription.IsShared
            && ModelState.Matches(subscription.Filter, publication.Topic)
            && !(subscription.Options.NoLocal && publication.Publisher == session.ClientId))];
        if (matching.Length == 0)
            return false;
        QoS qos = ModelState.Lower(publication.QoS, matching.Max(subscription => subscription.Options.QoS));
        bool retain = publication.Retain && matching.Any(subscription => subscription.Options.RetainAsPublished);
        if (qos != QoS.AtMostOnce)
            session.Owed.Add(new Owed(publication, qos, retain, IdsOf(matching), State.Ops));
        else if (session.IsConnected)
            session.MayCome.Add((publication.Name, retain));
        return true;
    }

    private static string IdsOf(IEnumerable<ModelSubscription> subscriptions) =>
        string.Join(",", subscriptions.Where(subscription => subscription.Id != 0).Select(subscription => subscription.Id).Order());
}
