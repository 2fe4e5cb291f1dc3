using System.Numerics;
using Whimbrel.Cli.Bench.Load;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>Retained messages, each on its topic: kept, fetched by a wildcard, and removed.</summary>
internal sealed class RetainedScenario : Scenario
{
    public override string Name => "retained";

    public override string Summary => "--count retained messages are kept, fetched by each subscriber, removed";

    public override int? Subscribers => 1;

    public override int? Count => 10_000;

    public override QoS QoSMin => QoS.AtLeastOnce;

    public override void Run(BenchRun run)
    {
        var settings = run.Settings;
        string topic = $"{settings.Prefix}/{new string(Publisher.Digit, 9)}";
        run.WarmUp();
        var publisher = run.Connect("publishers", 1)[0];
        var subscribers = run.Connect("subscribers", settings.Subscribers);
        run.Subscribers = subscribers.Length;

        _ = new Publisher(run.Traffic, publisher, topic, copies: 0, new PublisherOptions { IsRetained = true });
        run.PublishCount("keep", settings.Count);

        int window = (int)Math.Max(64, BitOperations.RoundUpToPowerOf2((uint)settings.Count));
        foreach (var subscriber in subscribers)
            subscriber.Receiver = new Receiver(run.Traffic, first: 0, [new SequenceCheck(window)], ReceiverOrder.Any);
        run.Traffic.Expect((run.Traffic.Sent - run.Traffic.Refused) * subscribers.Length);
        run.Stage("fetch", "messages", () =>
        {
            run.Subscribe(subscribers, _ => $"{settings.Prefix}/#");
            run.Drain();
            return run.Traffic.Received;
        }, untilLastMessage: true);
        foreach (var subscriber in subscribers)
            subscriber.Disconnect();

        run.Traffic.Dismiss();
        _ = new Publisher(run.Traffic, publisher, topic, copies: 0, new PublisherOptions { IsRetained = true, IsEmpty = true });
        run.PublishCount("remove", settings.Count);
    }
}
