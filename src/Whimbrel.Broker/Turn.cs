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

    /// <summary>The time of this turn in Unix milliseconds of a clock that never jumps.</summary>
    public long Now { get; private set; }

    /// <summary>Counts of this turn; added to the broker's at its end.</summary>
    internal Tally Tally;

    /// <summary>Messages to route once no gate is held, in order.</summary>
    internal Queue<Route> Routes { get; } = new();

    internal MatchList Matches { get; } = new();

    /// <summary>
    /// Whether every outbox was asked for room for the message that is being routed, and its publisher will be told that it was accepted:
    /// an outbox that another publisher has filled in the meantime takes it all the same.
    /// </summary>
    internal bool IsAdmitted { get; set; }

    internal List<ITimed> Due { get; } = [];

    internal FrameCache Frames { get; } = new();

    internal MessageBroker Broker => broker;

    /// <summary>Starts a batch.</summary>
    /// <param name="nowMilliseconds">Unix time in milliseconds of a clock that never jumps.</param>
    public void Begin(long nowMilliseconds) => Now = nowMilliseconds;

    /// <summary>Ends the batch: one flush for every link that got something, then counts and events. Never under a lock.</summary>
    public void End()
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

    internal void Happened(in BrokerEvent happened) => _events.Add(happened);

    internal void Dropped(DropReason reason, string? clientId, Message message) => Dropped(reason, clientId, message.Topic, 1);

    internal void Dropped(DropReason reason, string? clientId, byte[] topic, int count)
    {
        Tally.Dropped(reason, count);
        _events.Add(new BrokerEvent(BrokerEventKind.Dropped) { ClientId = clientId, DropReason = reason, Topic = topic, Count = count });
    }
}

/// <summary>A message on its way to the router.</summary>
/// <param name="Message">What to route.</param>
/// <param name="Origin">The connection that waits for the result of a QoS 1 or 2 publish, or null.</param>
/// <param name="PacketId">Its packet identifier there.</param>
/// <param name="Group">Set for a shared delivery that its member never got: it goes to the group again and nowhere else.</param>
/// <param name="IsRefusable">
/// Whether somebody hears the result, so that the message may be refused as a whole. A will and a QoS 0 message have nobody: they go
/// where there is room.
/// </param>
internal readonly record struct Route(Message Message, Connection? Origin, ushort PacketId, SharedGroup? Group = null, bool IsRefusable = false);
