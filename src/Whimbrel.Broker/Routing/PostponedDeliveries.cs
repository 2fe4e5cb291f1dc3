using System.Runtime.ExceptionServices;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Deliveries of one turn to sessions whose gate another thread held just then. The turn does not wait there with every message: it goes
/// on, and each session gets all that has come together under one entry of its gate, in order.
/// </summary>
/// <remarks>
/// At the end of the turn, before it flushes any acknowledgement, or sooner when many wait. What a publisher must be told of is never
/// postponed: where its message is stored, whether the outbox had room.
/// </remarks>
internal sealed class PostponedDeliveries
{
    private const int CountMax = 1024;

    private readonly Dictionary<SessionGate, List<Postponed>> _waiting = [];
    private readonly Stack<List<Postponed>> _unused = [];
    private int _count;

    /// <summary>Whether something waits for a session: then nothing may overtake it.</summary>
    public bool Has(SessionGate gate) => _waiting.Count > 0 && _waiting.ContainsKey(gate);

    /// <summary>Postpones a delivery, if it may be; if not, what waits for the session has been delivered and its gate may be waited for.</summary>
    public bool TryAdd(SessionGate gate, Message message, ReadOnlySpan<Subscription> matched, Turn turn)
    {
        if (!MayWait(gate, message, matched, turn))
        {
            if (Has(gate))
                Deliver(turn);
            return false;
        }

        if (!_waiting.TryGetValue(gate, out List<Postponed>? waiting))
            _waiting.Add(gate, waiting = _unused.TryPop(out List<Postponed>? unused) ? unused : []);
        waiting.Add(new Postponed(turn.Lasting(message), matched[0]));
        if (++_count == CountMax)
            Deliver(turn);
        return true;
    }

    /// <summary>Delivers everything that waits. A port that throws stops the rest of that session's, and is heard of at the end.</summary>
    public void Deliver(Turn turn)
    {
        ExceptionDispatchInfo? failure = null;
        _count = 0;
        foreach ((SessionGate gate, List<Postponed> waiting) in _waiting)
        {
            _waiting.Remove(gate);
            try
            {
                using SessionGate.Scope scope = gate.Enter();
                foreach (Postponed delivery in waiting)
                {
                    if (!scope.Session.Ended)
                        scope.Session.Deliver(delivery.Message, [delivery.Subscription], turn);
                }
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }

            waiting.Clear();
            _unused.Push(waiting);
        }

        failure?.Throw();
    }

    private static bool MayWait(SessionGate gate, Message message, ReadOnlySpan<Subscription> matched, Turn turn) =>
        matched.Length == 1 && !turn.IsAdmitted && (message.QoS == QoS.AtMostOnce || !gate.IsDurable) && !matched[0].Terms.Options.NoLocal;

    private readonly record struct Postponed(Message Message, Subscription Subscription);
}
