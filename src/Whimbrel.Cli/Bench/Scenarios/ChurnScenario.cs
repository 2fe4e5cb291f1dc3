using System.Diagnostics;
using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Clients that connect, subscribe, leave and come again, all the time.</summary>
internal sealed class ChurnScenario : Scenario
{
    private readonly Latency _latency = new();
    private long _rounds;

    public override string Name => "churn";

    public override string Summary => "clients that connect, subscribe and leave over and over";

    public override int? Clients => 100;

    public override void Run(BenchRun run)
    {
        var settings = run.Settings;
        _rounds = 0;
        _latency.Reset();
        run.WarmUp();
        var clients = new LoadClient[settings.Clients];
        byte[][] filters = new byte[clients.Length][];
        for (int i = 0; i < clients.Length; i++)
        {
            clients[i] = run.NewClient("churn", i);
            filters[i] = run.Encode($"{settings.Prefix}/{i}");
        }

        run.Connections = clients.Length;
        bool isOver = false;
        for (int i = 0; i < clients.Length; i++)
        {
            byte[] filter = filters[i];
            clients[i].Answered = client => client.Subscribe(filter, 1);
            clients[i].Granted = client =>
            {
                _rounds++;
                _latency.Record((long)Stopwatch.GetElapsedTime(client.StartedAt, run.Loop.Now).TotalNanoseconds);
                client.Disconnect();
                if (!isOver)
                    client.Connect();
            };
            clients[i].Ended = run.OnEnded;
        }

        run.Stage("churn", "connections", () =>
        {
            foreach (var client in clients)
                client.Connect();
            long end = run.Loop.Look() + LoadLoop.Ticks(settings.Duration);
            run.Await("SUBACK", () => _rounds, () => run.Loop.Now >= end);
            return _rounds;
        }, _latency);
        isOver = true;
    }
}
