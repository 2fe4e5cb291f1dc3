namespace Whimbrel.Broker;

/// <summary>
/// Builds the broker's state from what the store tells. Sessions come first and are gathered; the messages find them by their numbers;
/// at the end the sessions are restored and what ended meanwhile ends.
/// </summary>
internal sealed class Recovery(MessageBroker broker, Turn turn) : IRecoveryVisitor
{
    private readonly Dictionary<long, RecoveredSession> _sessions = [];
    private readonly Dictionary<string, RecoveredSession> _owners = new(StringComparer.Ordinal);
    private readonly List<RecoveredSession> _superseded = [];
    private readonly Dictionary<string, SharedGroup> _groups = new(StringComparer.Ordinal);
    private RecoveredSession _last = null!;

    /// <summary>Messages that at least one session is still owed.</summary>
    public int Messages { get; private set; }

    public void Numbers(long lastMessageId, long lastSessionNumber) => broker.Journal.Continue(lastMessageId, lastSessionNumber);

    public void Session(SessionState session)
    {
        _last = new RecoveredSession(session, new SessionGate(session.ClientId, broker));
        _sessions.Add(session.Session, _last);
        // When two have one identifier, the end of the older one was not stored before the newer one began.
        if (_owners.TryGetValue(session.ClientId, out RecoveredSession? older))
            _superseded.Add(older);
        _owners[session.ClientId] = _last;
    }

    public void Subscription(SubscriptionState subscription) => _last.Subscriptions.Add(subscription);

    public void Will(WillState will) => _last.Wills.Add(will);

    public void Acknowledged(long session, long floor, IReadOnlyList<AcknowledgedRuns.Run> runs) => _last.Acknowledged = new AcknowledgedRuns(floor, runs);

    public void Received(long session, ushort packetId) => _last.Received.Add(packetId);

    public void Sent(long session, long sequence, ushort packetId) => _last.Sent.Add(sequence, packetId);

    public void Message(long id, Message message, IReadOnlyList<RecoveredCopy> copies)
    {
        var stored = new StoredMessage(message) { Id = id, State = StoredMessageState.Written, Position = Journal.BeforeStart };
        foreach (RecoveredCopy copy in copies)
        {
            if (copy.IsAdded)
                (stored.Added ??= []).Add(new StoreBatch.SentKey(copy.Session, copy.Sequence));
            Take(copy, stored);
        }

        if (stored.Remaining > 0)
            Messages++;
        else
            broker.Journal.Remove(stored);
    }

    public void Retained(Message message) => broker.Retained.Restore(message);

    /// <summary>Everything has been told.</summary>
    public void Finish()
    {
        foreach (RecoveredSession session in _owners.Values)
            broker.Sessions.Add(session.Gate);
        // Subscriptions before deliveries: a shared delivery belongs to the group that its members make.
        foreach (RecoveredSession session in _sessions.Values)
            Enter(session, static (inside, recovered, turn) => inside.Restore(recovered, turn));
        foreach (RecoveredSession session in _sessions.Values)
            Enter(session, static (inside, recovered, _) => inside.RestoreDeliveries(recovered));
        // Not before everybody who should get it is there, with what came before it: wills that are due are routed from here on.
        broker.RunRoutes(turn);
        foreach (RecoveredSession session in _superseded)
            EnterAndRoute(session, static (inside, _, turn) => inside.End(turn));
        foreach (RecoveredSession session in _owners.Values)
            EnterAndRoute(session, static (inside, recovered, turn) => inside.Resume(recovered, turn));
    }

    private void EnterAndRoute(RecoveredSession session, Action<Session, RecoveredSession, Turn> action)
    {
        Enter(session, action);
        broker.RunRoutes(turn);
    }

    private void Enter(RecoveredSession session, Action<Session, RecoveredSession, Turn> action)
    {
        using SessionGate.Scope scope = session.Gate.Enter();
        action(scope.Session, session, turn);
    }

    private void Take(in RecoveredCopy copy, StoredMessage stored)
    {
        if (!_sessions.TryGetValue(copy.Session, out RecoveredSession? session))
            return;
        session.Saw(copy.Sequence);
        if (session.Acknowledged.Contains(copy.Sequence))
            return;
        var delivery = new Delivery(stored.Message, copy.QoS, copy.Retain, copy.SubscriptionIds, GroupOf(copy.Group));
        var kept = new StoredCopy(stored, session.Stored, copy.Sequence, delivery);
        if (session.Sent.TryGetValue(copy.Sequence, out ushort packetId))
        {
            kept.PacketId = packetId;
            kept.SentPosition = Journal.BeforeStart;
            // Perhaps it was: the client must be told that it may know it.
            kept.WasSent = true;
        }

        kept.IsKept = true;
        stored.Remaining++;
        session.Deliveries.Add(delivery.With(kept));
    }

    /// <summary>Stands for the group until its members have been restored.</summary>
    private SharedGroup? GroupOf(string? filter)
    {
        if (filter is null)
            return null;
        if (!_groups.TryGetValue(filter, out SharedGroup? group))
            _groups.Add(filter, group = new SharedGroup(filter));
        return group;
    }
}
