using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Publishers alone: nobody listens, or <c>sub</c> does in another process.</summary>
internal sealed class PubScenario : Scenario
{
    public override string Name => "pub";

    public override string Summary => "publishers without subscribers of this process";

    public override int? Clients => 10;

    public override bool TakesRate => true;

    public override bool HasFixedPrefix => true;

    public override void Run(BenchRun run)
    {
        var publishers = run.Connect("publishers", run.Settings.Clients);
        for (int i = 0; i < publishers.Length; i++)
            _ = new Publisher(run.Traffic, publishers[i], $"{run.Settings.Prefix}/{i}", copies: 0);
        run.RunMessages();
    }
}
