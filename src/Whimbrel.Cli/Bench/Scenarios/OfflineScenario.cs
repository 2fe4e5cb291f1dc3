using Whimbrel.Cli.Bench.Load;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Messages for sessions without a connection, which then come back for them.</summary>
internal sealed class OfflineScenario : Scenario
{
    public override string Name => "offline";

    public override string Summary => "--count messages are queued for sessions that are away, then drained";

    public override int? Clients => 1;

    public override int? Count => 10_000;

    public override QoS QoSMin => QoS.AtLeastOnce;

    public override void Run(BenchRun run)
    {
        var settings = run.Settings;
        int count = settings.Clients;
        run.WarmUp();
        var sessions = new LoadClient[count];
        for (int i = 0; i < count; i++)
            sessions[i] = run.NewClient("away", i);
        foreach (var session in sessions)
            session.CleanStart = false;
        run.Connect(sessions, new Latency());
        run.Subscribers = count;
        run.Subscribe(sessions, i => $"{settings.Prefix}/{i}");
        foreach (var session in sessions)
            session.Disconnect();

        var publishers = run.Connect("publishers", count);
        for (int i = 0; i < count; i++)
            _ = new Publisher(run.Traffic, publishers[i], $"{settings.Prefix}/{i}", copies: 0);
        run.PublishCount("store", settings.Count);

        run.Traffic.Expect(run.Traffic.Sent - run.Traffic.Refused);
        for (int i = 0; i < count; i++)
            sessions[i].Receiver = new Receiver(run.Traffic, first: i, count: 1);
        run.Stage("drain", "messages", () =>
        {
            run.Connect(sessions, new Latency());
            run.Drain();
            return run.Traffic.Received;
        }, untilLastMessage: true);

        // Nothing is left behind.
        foreach (var session in sessions)
        {
            session.Disconnect();
            session.CleanStart = true;
        }

        run.Connect(sessions, new Latency());
        foreach (var session in sessions)
            session.Disconnect();
    }
}
