using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Many publish what one reads, through a wildcard.</summary>
internal sealed class FanInScenario : Scenario
{
    public override string Name => "fanin";

    public override string Summary => "many publishers, each on its topic, and one subscriber to all of them";

    public override int? Clients => 100;

    public override bool TakesRate => true;

    public override void Run(BenchRun run)
    {
        int count = run.Settings.Clients;
        var subscribers = run.Connect("subscribers", 1);
        var publishers = run.Connect("publishers", count);
        run.Subscribers = 1;
        run.Subscribe(subscribers, _ => $"{run.Settings.Prefix}/+");
        subscribers[0].Receiver = new Receiver(run.Traffic, first: 0, count);
        for (int i = 0; i < count; i++)
            _ = new Publisher(run.Traffic, publishers[i], $"{run.Settings.Prefix}/{i}", copies: 1);
        run.RunMessages();
    }
}
