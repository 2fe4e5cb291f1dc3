namespace Whimbrel.Broker;

/// <summary>All sessions by client identifier. Thread-safe.</summary>
internal sealed class SessionRegistry(MessageBroker broker)
{
    private readonly ShardedTable<string, SessionGate, ByClientId> _gates = new();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public IEnumerable<SessionGate> All => _gates.Values;

    public bool TryGet(string clientId, out SessionGate? gate) => _gates.TryGet(clientId, out gate);

    /// <summary>The gate of the client identifier, made if there is none and the limit allows one more; null otherwise.</summary>
    public SessionGate? GetOrAdd(string clientId)
    {
        if (_gates.TryGet(clientId, out SessionGate? gate))
            return gate;
        if (Interlocked.Increment(ref _count) > broker.Options.SessionsMax)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        var made = new SessionGate(clientId, broker);
        gate = _gates.GetOrAdd(made);
        if (!ReferenceEquals(gate, made))
            Interlocked.Decrement(ref _count);
        return gate;
    }

    /// <summary>Takes in a session that was there before the start, whatever the limit is now.</summary>
    public void Add(SessionGate gate)
    {
        if (ReferenceEquals(_gates.GetOrAdd(gate), gate))
            Interlocked.Increment(ref _count);
    }

    public void Remove(SessionGate gate)
    {
        if (_gates.TryRemove(gate))
            Interlocked.Decrement(ref _count);
    }

    private readonly struct ByClientId : IKeyed<string, SessionGate>
    {
        public static string KeyOf(SessionGate value) => value.ClientId;

        public static int HashOf(string key) => key.GetHashCode();

        public static bool AreSame(string one, string other) => string.Equals(one, other, StringComparison.Ordinal);
    }
}
