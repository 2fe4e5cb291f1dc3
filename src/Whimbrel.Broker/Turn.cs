using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// One batch of work on one thread: the time at which it happens, what is left to do once a gate has been left, the links to flush
/// and the counts and events to publish at its end. Reused for ever, so that a batch allocates nothing.
/// </summary>
/// <remarks>Not thread-safe: each thread that enters the broker has its own.</remarks>
public sealed class Turn(MessageBroker broker)
{
    private readonly List<Link> _touched = [];
    private readonly List<BrokerEvent> _events = [];
    private readonly List<StoredCopy> _aloneCopy = [];
    private readonly PassingMessage _passing = new();
    private StoredMessage? _storing;

    /// <summary>The time of this turn in Unix milliseconds of a clock that never jumps.</summary>
    public long Now { get; private set; }

    /// <summary>Counts of this turn; added to the broker's at its end.</summary>
    internal Tally Tally;

    /// <summary>Messages to route once no gate is held, in order.</summary>
    internal Queue<Route> Routes { get; } = new();

    internal MatchList Matches { get; } = new();

    internal PostponedDeliveries Postponed { get; } = new();

    /// <summary>
    /// Whether every outbox was asked for room for the message that is being routed, and its publisher will be told that it was accepted:
    /// an outbox that another publisher has filled in the meantime takes it all the same.
    /// </summary>
    internal bool IsAdmitted { get; set; }

    internal List<ITimed> Due { get; } = [];

    /// <summary>Copies that durable sessions keep of the message that is being routed.</summary>
    private List<StoredCopy> Copies { get; } = [];

    internal FrameCache Frames { get; } = new();

    internal MessageBroker Broker => broker;

    /// <summary>Starts a batch.</summary>
    /// <param name="nowMilliseconds">Unix time in milliseconds of a clock that never jumps.</param>
    public void Begin(long nowMilliseconds) => Now = nowMilliseconds;

    /// <summary>Ends the batch: one flush for every link that got something, then counts and events. Never under a lock.</summary>
    public void End()
    {
        try
        {
            Postponed.Deliver(this);
        }
        finally
        {
            Settle();
        }
    }

    private void Settle()
    {
        Frames.Forget();
        foreach (Link link in _touched)
        {
            // Cleared first: whoever appends from now on flushes itself.
            link.ClearTouched();
            link.Flush();
        }

        _touched.Clear();
        broker.Statistics.Add(ref Tally);
        foreach (BrokerEvent happened in _events)
            broker.Ports.Events.On(happened);
        _events.Clear();
    }

    internal void Touch(Link link)
    {
        if (link.TryTouch())
            _touched.Add(link);
    }

    /// <summary>What a client has published.</summary>
    internal Message MessageOf(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher)
    {
        // With something left to route (a port has thrown) that may be the message that passes.
        if (Routes.Count > 0 || !_passing.TryFill(packet, topic, publisher, Now, out Message message))
            return Message.From(packet, topic, publisher, Now);
        Frames.Forget();
        return message;
    }

    /// <summary>The message for whoever keeps it beyond its routing: itself, unless it is the one that passes.</summary>
    internal Message Lasting(Message message) => message.IsPassing ? _passing.Lasting() : message;

    /// <summary>Begins to route a message: one that the store has already, or null.</summary>
    internal void BeginStoring(StoredMessage? stored) => _storing = stored;

    /// <summary>A durable session keeps a copy of the message that is being routed.</summary>
    internal StoredCopy Keep(StoredSession session, in Delivery delivery)
    {
        var copy = new StoredCopy(_storing ??= new StoredMessage(delivery.Message), session, ++session.LastSequence, delivery);
        Copies.Add(copy);
        return copy;
    }

    /// <summary>A durable session keeps a message that nobody else gets now: a retained one that it is owed.</summary>
    internal StoredCopy KeepAlone(StoredSession session, in Delivery delivery)
    {
        var copy = new StoredCopy(new StoredMessage(delivery.Message), session, ++session.LastSequence, delivery);
        _aloneCopy.Add(copy);
        broker.Journal.Append(_aloneCopy, null);
        _aloneCopy.Clear();
        return copy;
    }

    /// <summary>The message has been routed: what sessions keep of it goes to the store, and <paramref name="change"/> with it.</summary>
    /// <returns>The position to wait for; 0 when nothing is stored.</returns>
    internal long EndStoring(StoreChange? change)
    {
        _storing = null;
        if (Copies.Count == 0 && change is null)
            return 0;
        long position = broker.Journal.Append(Copies, change);
        Copies.Clear();
        return position;
    }

    internal void Happened(in BrokerEvent happened) => _events.Add(happened);

    internal void Dropped(DropReason reason, string? clientId, Message message) => Dropped(reason, clientId, message.Topic, 1);

    /// <summary>A session's copy is dropped: the store forgets it, too.</summary>
    internal void Dropped(DropReason reason, string? clientId, in Delivery delivery)
    {
        Forget(delivery);
        Dropped(reason, clientId, delivery.Message.Topic, 1);
    }

    /// <summary>A session is done with a delivery.</summary>
    internal void Forget(in Delivery delivery)
    {
        if (delivery.Copy is { } copy)
            broker.Journal.Done(copy, keepsPacketId: false);
    }

    internal void Dropped(DropReason reason, string? clientId, ReadOnlySpan<byte> topic, int count)
    {
        Tally.Dropped(reason, count);
        _events.Add(new BrokerEvent(BrokerEventKind.Dropped) { ClientId = clientId, DropReason = reason, Topic = topic.ToArray(), Count = count });
    }
}

/// <summary>A message on its way to the router.</summary>
/// <param name="Message">What to route. Null when only <paramref name="Change"/> is to be stored, behind everything that was put in before.</param>
/// <param name="Origin">The connection that waits for the result of a QoS 1 or 2 publish, or null.</param>
/// <param name="PacketId">Its packet identifier there.</param>
/// <param name="Group">Set for a shared delivery that its member never got: it goes to the group again and nowhere else.</param>
/// <param name="IsRefusable">
/// Whether somebody hears the result, so that the message may be refused as a whole. A will and a QoS 0 message have nobody: they go
/// where there is room.
/// </param>
/// <param name="Change">What is stored together with the message, or not at all.</param>
/// <param name="Stored">The message as the store has it already, when another session is to take a copy over.</param>
internal readonly record struct Route(
    Message? Message,
    Connection? Origin,
    ushort PacketId,
    SharedGroup? Group = null,
    bool IsRefusable = false,
    StoreChange? Change = null,
    StoredMessage? Stored = null);

/// <summary>What became of a route.</summary>
/// <param name="Reason">What the publisher may be told: Success, NoMatchingSubscribers (0x10) or QuotaExceeded (0x97).</param>
/// <param name="Position">What must be on disk before it is told.</param>
internal readonly record struct RouteOutcome(ReasonCode Reason, long Position);
