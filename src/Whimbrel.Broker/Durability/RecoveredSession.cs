namespace Whimbrel.Broker;

/// <summary>What the store held of one session, gathered until all of it is known.</summary>
internal sealed class RecoveredSession(SessionState state, SessionGate gate)
{
    private long _lastSequence;

    public SessionState State => state;

    public SessionGate Gate => gate;

    public StoredSession Stored { get; } = new(state.Session, gate, new AcknowledgedRuns());

    public List<SubscriptionState> Subscriptions { get; } = [];

    /// <summary>In the order of their numbers.</summary>
    public List<WillState> Wills { get; } = [];

    public List<ushort> Received { get; } = [];

    /// <summary>Packet identifiers by sequence numbers.</summary>
    public SortedDictionary<long, ushort> Sent { get; } = [];

    public AcknowledgedRuns Acknowledged { get; set; } = new();

    /// <summary>Deliveries that the session is still owed.</summary>
    public List<Delivery> Deliveries { get; } = [];

    /// <summary>Notes a sequence number, so that it is not given again.</summary>
    public void Saw(long sequence) => _lastSequence = Math.Max(_lastSequence, sequence);

    /// <summary>
    /// Puts the deliveries in order and counts everything else as acknowledged: a message that is not there any more was.
    /// </summary>
    public void Settle()
    {
        Saw(Acknowledged.Floor);
        if (Acknowledged.Runs.Count > 0)
            Saw(Acknowledged.Runs[^1].Last);
        foreach (long sequence in Sent.Keys)
            Saw(sequence);
        Deliveries.Sort(static (a, b) => a.Copy!.Sequence.CompareTo(b.Copy!.Sequence));
        Stored.LastSequence = _lastSequence;
        Stored.Position = Journal.BeforeStart;
        long next = 1;
        foreach (Delivery delivery in Deliveries)
        {
            Stored.Acknowledged.AddRange(next, delivery.Copy!.Sequence - 1);
            next = delivery.Copy.Sequence + 1;
        }

        Stored.Acknowledged.AddRange(next, _lastSequence);
    }
}
