namespace Whimbrel.Simulation;

/// <summary>
/// The promise as its users see it: a message whose publisher was told that it is safe reaches the application of every client that had
/// a durable session then, whatever happened in between, as long as that session has not ended. It knows nothing of disks and crashes.
/// </summary>
internal sealed class PromiseLedger(World world)
{
    private readonly List<Promise> _promises = [];
    private readonly HashSet<(string Client, string Topic)> _dropped = [];

    /// <param name="Session">Which session of the client it was.</param>
    private readonly record struct Promise(string Name, string Topic, string Client, long Session);

    /// <summary>The publisher of an operation's message was told that it is safe.</summary>
    public void Acknowledged(long op)
    {
        foreach (ModelSession session in world.Model.State.Sessions.Values.Where(session => session.IsDurable))
        {
            foreach (Owed owed in session.Owed.Where(owed => owed.Op == op && owed.Group is null && !owed.IsReplay))
                _promises.Add(new Promise(owed.Publication.Name, owed.Publication.Topic, session.ClientId, session.Born));
        }
    }

    /// <summary>The broker named a drop of a session: which message of the topic it was nobody can say.</summary>
    public void Dropped(string client, string topic) => _dropped.Add((client, topic));

    /// <summary>Everything has come to rest: every promise must have been kept.</summary>
    public void Check(IReadOnlyDictionary<string, ApplicationChecker> applications)
    {
        foreach (Promise promise in _promises)
        {
            if (!world.Model.State.Sessions.TryGetValue(promise.Client, out ModelSession? session) || session.Born != promise.Session)
                continue;
            if (!applications[promise.Client].Names.Contains(promise.Name) && !_dropped.Contains((promise.Client, promise.Topic)))
                throw new ViolationException("lost", $"{promise.Name} was acknowledged and never came to {promise.Client}");
        }
    }
}
