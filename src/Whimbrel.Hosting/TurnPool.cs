using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>Turns for threads that have none of their own: connection pipes and the embedding program.</summary>
internal sealed class TurnPool(MessageBroker broker, BrokerClock clock)
{
    private const int KeptMax = 64;

    private readonly Lock _lock = new();
    private readonly Stack<Turn> _unused = new();

    /// <summary>Begins a turn. The caller ends it by disposing, with no lock held and on the same thread.</summary>
    public Lease Begin()
    {
        Turn? turn;
        lock (_lock)
            _unused.TryPop(out turn);
        turn ??= new Turn(broker);
        turn.Begin(clock.NowMilliseconds);
        return new Lease(this, turn);
    }

    private void End(Turn turn)
    {
        try
        {
            turn.End();
        }
        finally
        {
            lock (_lock)
            {
                if (_unused.Count < KeptMax)
                    _unused.Push(turn);
            }
        }
    }

    public readonly ref struct Lease(TurnPool pool, Turn turn)
    {
        public Turn Turn => turn;

        public void Dispose() => pool.End(turn);
    }
}
