using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Many conversations that have nothing to do with each other.</summary>
internal sealed class PairsScenario : Scenario
{
    public override string Name => "pairs";

    public override string Summary => "publishers with one subscriber each";

    public override int? Clients => 10;

    public override bool TakesRate => true;

    public override void Run(BenchRun run)
    {
        int count = run.Settings.Clients;
        var subscribers = run.Connect("subscribers", count);
        var publishers = run.Connect("publishers", count);
        run.Subscribers = count;
        run.Subscribe(subscribers, i => $"{run.Settings.Prefix}/{i}");
        for (int i = 0; i < count; i++)
        {
            subscribers[i].Receiver = new Receiver(run.Traffic, first: i, count: 1);
            _ = new Publisher(run.Traffic, publishers[i], $"{run.Settings.Prefix}/{i}", copies: 1);
        }

        run.RunMessages();
    }
}
