using System.Diagnostics;

namespace Whimbrel.Broker;

/// <summary>
/// The only way to a session. The policy, all of it: a thread holds one gate at a time and never two; under a gate nothing blocks,
/// nothing is called that could come back into the broker, nothing is logged. What must happen to other sessions is put into the
/// turn and done after the gate has been left.
/// </summary>
internal sealed class SessionGate : IWakeable, ITimed
{
    [ThreadStatic]
    private static SessionGate? _held;

    private static long _lastNumber;

    private readonly Session _session;

    // Held for less than a thread takes to fall asleep, and left with a plain write: half of what a monitor costs (docs/design/0008).
    private SpinLock _lock = new(enableThreadOwnerTracking: false);

    // Twice the availability, plus one if durable.
    private int _seen = -2;
    private Link? _link;

    public SessionGate(string clientId, MessageBroker broker)
    {
        ClientId = clientId;
        Number = Interlocked.Increment(ref _lastNumber);
        _session = new Session(this, broker);
    }

    public string ClientId { get; }

    /// <summary>A number of its own, above 0, to sort by.</summary>
    public long Number { get; }

    /// <summary>
    /// What a shared subscription looks at, without entering: -1 without a connection, else how many more messages the client could be
    /// sent at once. As of the last time somebody left the gate.
    /// </summary>
    public int Availability => Volatile.Read(ref _seen) >> 1;

    /// <summary>Whether the session is durable, so that QoS 1 and 2 for it go to the store. As of the last time somebody left the gate.</summary>
    public bool IsDurable => (Volatile.Read(ref _seen) & 1) != 0;

    public Scope Enter()
    {
        Debug.Assert(_held is null, "a thread entered a second gate");
        bool isTaken = false;
        _lock.Enter(ref isTaken);
        Hold(this);
        return new Scope(this);
    }

    /// <summary>Enters unless another thread is inside.</summary>
    public bool TryEnter(out Scope scope)
    {
        Debug.Assert(_held is null, "a thread entered a second gate");
        bool isTaken = false;
        _lock.TryEnter(ref isTaken);
        scope = new Scope(this);
        if (isTaken)
            Hold(this);
        return isTaken;
    }

    /// <summary>Wakes the session's connection, if it has one; without one the session looks again when it gets one.</summary>
    public void Wake() => Volatile.Read(ref _link)?.Wake();

    /// <summary>Under the gate: the session has a connection from now on. A question that it asks may be answered before the gate is left.</summary>
    public void Attached(Link link) => Volatile.Write(ref _link, link);

    public void OnTimer(Turn turn)
    {
        using (Scope scope = Enter())
            scope.Session.OnTimer(turn);
    }

    [Conditional("DEBUG")]
    private static void Hold(SessionGate? gate) => _held = gate;

    private void Leave()
    {
        Volatile.Write(ref _seen, (_session.Availability << 1) | (_session.IsDurable ? 1 : 0));
        Volatile.Write(ref _link, _session.Link);
        Hold(null);
        _lock.Exit(useMemoryBarrier: false);
    }

    /// <summary>Being inside. The session must not be kept beyond it.</summary>
    public readonly ref struct Scope(SessionGate gate)
    {
        public Session Session => gate._session;

        public void Dispose() => gate.Leave();
    }
}
