namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Connections that do nothing, with or without subscriptions.</summary>
internal sealed class ConnScenario : Scenario
{
    public override string Name => "conn";

    public override string Summary => "connections that stay idle, each with --count subscriptions";

    public override int? Clients => 1000;

    public override int? Count => 0;

    public override bool MeasuresConnections => true;

    public override void Run(BenchRun run)
    {
        var settings = run.Settings;
        run.WarmUp();
        var clients = run.Connect("clients", settings.Clients);
        if (settings.Count > 0)
        {
            run.Stage("subscribe", "subscriptions", () =>
            {
                for (int n = 0; n < settings.Count; n++)
                    run.Subscribe(clients, i => $"{settings.Prefix}/{i}/{n}");
                return (long)settings.Count * clients.Length;
            });
        }

        run.Stage("idle", "connections", () =>
        {
            run.Loop.RunFor(settings.Duration);
            return clients.Length;
        });
    }
}
