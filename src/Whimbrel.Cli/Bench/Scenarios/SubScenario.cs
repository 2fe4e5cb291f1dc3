using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Subscribers to all that <c>pub</c> publishes in other processes of this machine, whose clock is the same.</summary>
internal sealed class SubScenario : Scenario
{
    public override string Name => "sub";

    public override string Summary => "subscribers to what pub publishes in other processes of this machine";

    public override int? Subscribers => 10;

    public override bool HasFixedPrefix => true;

    public override void Run(BenchRun run)
    {
        var subscribers = run.Connect("subscribers", run.Settings.Subscribers);
        run.Subscribers = subscribers.Length;
        run.Subscribe(subscribers, _ => $"{run.Settings.Prefix}/#");
        var receivers = Array.ConvertAll(subscribers, s => new OpenReceiver(run.Traffic));
        for (int i = 0; i < subscribers.Length; i++)
            subscribers[i].Receiver = receivers[i];

        // Whoever starts both need not start them at once.
        if (!run.Loop.RunUntil(() => run.Traffic.Received > 0))
            throw new BenchInterrupted();
        run.RunMessages(drain: false);
        run.Traffic.Expect(run.Traffic.Received - run.Traffic.Duplicated + receivers.Sum(r => r.Missing));
    }

    /// <summary>Takes the messages of whoever publishes, from where it comes in.</summary>
    private sealed class OpenReceiver(Traffic traffic) : IReceiver
    {
        private readonly Dictionary<int, SequenceCheck> _seen = [];

        public long Missing => _seen.Values.Sum(s => s.Missing);

        public void Received(ReadOnlySpan<byte> payload, int packetBytes)
        {
            if (payload.Length < Stamp.Length)
            {
                traffic.CountForeign();
                return;
            }

            long due = Stamp.Read(payload, out int publisher, out long sequence);
            if (!_seen.TryGetValue(publisher, out var seen))
                _seen.Add(publisher, seen = new SequenceCheck { IsOpen = true });
            traffic.CountReceived(-1, due, packetBytes, seen.Take(sequence));
        }
    }
}
