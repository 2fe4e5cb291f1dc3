using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>No silence: every close, refusal and drop has a named event, and the counters say the same.</summary>
internal sealed class EventChecker(World world)
{
    private static readonly DropReason[] OfSessions =
        [DropReason.Expired, DropReason.OutboxFullOldest, DropReason.OutboxFullNewest, DropReason.PacketTooLarge, DropReason.RefusedByClient];

    private readonly HashSet<string> _open = [];
    private readonly Dictionary<DropReason, long> _drops = [];

    /// <summary>Copies that ended with a session that held them.</summary>
    public int EndedWithSession { get; private set; }

    public void Accepted(SimulatedLink link) => _open.Add(link.Peer);

    /// <summary>A process ended: its counters begin anew.</summary>
    public void Restarted()
    {
        _open.Clear();
        _drops.Clear();
    }

    public void Judge(TurnRecord record)
    {
        foreach (BrokerEvent happened in record.Events)
        {
            switch (happened.Kind)
            {
                case BrokerEventKind.Closed:
                    world.Happened($"closed: {happened.CloseReason}");
                    // Nobody here breaks the protocol: only MQTT 3.x is closed on, because there is no other way to refuse a publish.
                    if (happened is { CloseReason: CloseReason.ProtocolViolation, Code: not ReasonCode.QuotaExceeded } or { CloseReason: CloseReason.AnswerTooLarge })
                        throw new ViolationException("closed without reason", $"{happened.Peer}: {happened.Detail}");
                    if (!_open.Remove(happened.Peer!) || string.IsNullOrEmpty(happened.Detail))
                        throw new ViolationException("named events", $"the close of {happened.Peer}: {happened.Detail}");
                    break;
                case BrokerEventKind.Dropped:
                    OnDropped(happened);
                    break;
                default:
                    world.Happened($"{happened.Kind}{(happened.SessionPresent ? " to its session" : "")}");
                    break;
            }
        }

        foreach (SimulatedLink link in record.Lost)
        {
            if (_open.Contains(link.Peer))
                throw new ViolationException("named events", $"no event for the end of {link.Peer}");
        }
    }

    /// <summary>The counters count what the events tell.</summary>
    public void CheckCounters(MessageBroker core)
    {
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            if (core.Statistics.Dropped(reason) != _drops.GetValueOrDefault(reason))
                throw new ViolationException("named events", $"{core.Statistics.Dropped(reason)} drops for {reason}, and events for {_drops.GetValueOrDefault(reason)}");
        }
    }

    private void OnDropped(in BrokerEvent dropped)
    {
        string topic = TurnRecord.Text(dropped.Topic);
        world.Trace.Add($"event: {dropped.Count} dropped for {dropped.ClientId}: {dropped.DropReason} {topic}");
        world.Happened($"dropped: {dropped.DropReason}");
        _drops[dropped.DropReason] = _drops.GetValueOrDefault(dropped.DropReason) + dropped.Count;
        if (dropped.DropReason == DropReason.SessionEnded)
            EndedWithSession += dropped.Count;
        if (dropped is { DropReason: DropReason.Expired, ClientId: null })
            world.Model.State.SharedExpired(topic, world.Agenda.Now);
        if (!OfSessions.Contains(dropped.DropReason) || dropped.ClientId is null || !world.Model.State.Sessions.TryGetValue(dropped.ClientId, out ModelSession? session))
            return;
        world.Promises.Dropped(dropped.ClientId, topic);
        world.Model.State.SharedDrop(dropped.ClientId, topic);
        session.Drop(dropped.DropReason, topic, dropped.Count, world.Agenda.Now);
    }
}
