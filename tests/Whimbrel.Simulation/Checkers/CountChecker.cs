using Whimbrel.Broker;

namespace Whimbrel.Simulation;

/// <summary>What the broker holds is what the model holds: nothing is forgotten and nothing piles up.</summary>
internal sealed class CountChecker(World world)
{
    public void Check(MessageBroker core, string when)
    {
        ModelState state = world.Model.State;
        Compare($"sessions beside {string.Join(" ", state.Sessions.Keys)}", core.SessionCount, state.Sessions.Count, when);
        Compare("retained messages", core.RetainedCount, state.RetainedNow.Count(), when);
        foreach (ClientDescription client in core.DescribeClients())
        {
            if (!state.Sessions.TryGetValue(client.ClientId, out ModelSession? session))
                throw new ViolationException("counts", $"a session of {client.ClientId} {when}");
            Compare($"connections of {client.ClientId}", client.IsConnected ? 1 : 0, session.IsConnected ? 1 : 0, when);
            Compare($"subscriptions of {client.ClientId}", client.Subscriptions, session.Subscriptions.Count, when);
            // What only the broker can know: which replays wait, who was chosen for a shared message, which QoS 0 messages wait for CONNACK.
            bool isExact = session.Drops.Count == 0 && session.MayCome.Count == 0 && session.Replays.TrueForAll(replay => replay.May.Count == 0)
                && !session.Owed.Exists(owed => owed.Group is not null || owed.IsReplay) && state.Shared.Count == 0;
            if (isExact)
                Compare($"messages for {client.ClientId}", client.Queued + client.InFlight, session.Owed.Count + session.Released.Count, when);
            if (client is { Queued: 0, InFlight: 0 })
                FinishReplays(session);
        }

        world.Events.CheckCounters(core);
    }

    /// <summary>Which of several replays sent a message cannot be seen, nor that one ends because nothing is left. When all is quiet, all are over.</summary>
    private void FinishReplays(ModelSession session)
    {
        if (session.Replays.TrueForAll(replay => replay.Must.Count == 0) && world.Server.WatchOf(session.Link) is { IsAccepted: true, SubAcks.Count: 0 })
            session.Replays.Clear();
    }

    private static void Compare(string what, int actual, int expected, string when)
    {
        if (actual != expected)
            throw new ViolationException("counts", $"{actual} {what} {when}, not {expected}");
    }
}
