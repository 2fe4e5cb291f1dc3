using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>A group that shares the messages of some publishers: each goes to one member.</summary>
internal sealed class SharedScenario : Scenario
{
    public override string Name => "shared";

    public override string Summary => "a shared subscription, its members and some publishers";

    public override int? Clients => 10;

    public override int? Subscribers => 10;

    public override bool TakesRate => true;

    public override void Run(BenchRun run)
    {
        int publisherCount = run.Settings.Clients;
        var members = run.Connect("subscribers", run.Settings.Subscribers);
        var publishers = run.Connect("publishers", publisherCount);
        run.Subscribers = members.Length;
        run.Subscribe(members, _ => $"$share/group/{run.Settings.Prefix}/+");
        var seen = Receiver.New(publisherCount);
        foreach (var member in members)
            member.Receiver = new Receiver(run.Traffic, first: 0, seen, ReceiverOrder.Ascending);
        for (int i = 0; i < publisherCount; i++)
            _ = new Publisher(run.Traffic, publishers[i], $"{run.Settings.Prefix}/{i}", copies: 1);
        run.RunMessages();
    }
}
