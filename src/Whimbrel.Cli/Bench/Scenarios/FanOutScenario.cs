using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>One topic that many read.</summary>
internal sealed class FanOutScenario : Scenario
{
    public override string Name => "fanout";

    public override string Summary => "one topic with many subscribers";

    public override int? Clients => 1;

    public override int? Subscribers => 500;

    public override int? Stalled => 0;

    public override bool TakesRate => true;

    public override int Window(int clients) => 20;

    public override void Run(BenchRun run)
    {
        int count = run.Settings.Subscribers;
        int publisherCount = run.Settings.Clients;
        var subscribers = run.Connect("subscribers", count);
        var publishers = run.Connect("publishers", publisherCount);
        run.Subscribers = count;
        run.Subscribe(subscribers, _ => $"{run.Settings.Prefix}/all");
        foreach (var subscriber in subscribers)
            subscriber.Receiver = new Receiver(run.Traffic, first: 0, publisherCount);
        foreach (var publisher in publishers)
            _ = new Publisher(run.Traffic, publisher, $"{run.Settings.Prefix}/all", copies: count);
        if (run.Settings.Stalled > 0)
            Stall(run);
        run.RunMessages();
    }

    private static void Stall(BenchRun run)
    {
        var stalled = run.Connect("idlers", run.Settings.Stalled);
        run.Subscribe(stalled, _ => $"{run.Settings.Prefix}/all");
        foreach (var client in stalled)
        {
            // That the broker ends such a connection some day is its right.
            client.Ended = null;
            client.Hold();
        }
    }
}
