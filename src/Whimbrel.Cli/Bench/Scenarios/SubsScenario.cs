using System.Globalization;
using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Bench.Scenarios;

/// <summary>
/// Many subscriptions: half to one topic each, a quarter each with + and with #. Messages go to one of them each; then they are
/// taken back.
/// </summary>
internal sealed class SubsScenario : Scenario
{
    private const int FiltersPerPacket = 64;
    private const int PublisherCount = 10;

    public override string Name => "subs";

    public override string Summary => "--count subscriptions, half of them with wildcards, then messages to one of them each";

    public override int? Clients => 100;

    public override int? Count => 100_000;

    public override bool TakesRate => true;

    public override int Window(int clients) => base.Window(PublisherCount);

    public override void Run(BenchRun run)
    {
        var settings = run.Settings;
        int count = Math.Max(4, settings.Count);
        run.WarmUp();
        var clients = run.Connect("subscribers", Math.Min(settings.Clients, count));
        run.Subscribers = clients.Length;
        run.Stage("subscribe", "subscriptions", () => Request(run, clients, count, (client, filters, n) => client.Subscribe(filters, n), run.Encode));

        // The publishers are no subscribers, so the count of connections is theirs, too.
        var publishers = run.Connect("publishers", PublisherCount);
        var seen = Receiver.New(PublisherCount);
        foreach (var client in clients)
            client.Receiver = new Receiver(run.Traffic, first: 0, seen, ReceiverOrder.Ascending);
        for (int i = 0; i < PublisherCount; i++)
        {
            int kind = i % 4;
            _ = new Publisher(
                run.Traffic, publishers[i], Topic(settings.Prefix, kind, new string(Publisher.Digit, 9)), copies: 1, new PublisherOptions { Topics = Of(kind, count) });
        }

        run.RunMessages();
        run.Stage("unsubscribe", "subscriptions", () => Request(run, clients, count, (client, filters, n) => client.Unsubscribe(filters, n), EncodeName));
    }

    /// <summary>Sends the filters of all clients, one packet a client at a time.</summary>
    private static long Request(BenchRun run, LoadClient[] clients, int count, Action<LoadClient, byte[], int> send, Func<string, byte[]> encode)
    {
        int[] next = [.. Enumerable.Range(0, clients.Length)];
        while (true)
        {
            bool isDone = true;
            for (int i = 0; i < clients.Length; i++)
            {
                var filters = new List<byte>();
                int n = 0;
                for (; n < FiltersPerPacket && next[i] < count; n++, next[i] += clients.Length)
                    filters.AddRange(encode(Filter(run.Settings.Prefix, next[i])));
                if (n > 0)
                    send(clients[i], [.. filters], n);
                isDone &= n == 0;
            }

            if (isDone)
                return count;
            run.AwaitAnswers(clients);
        }
    }

    private static string Filter(string prefix, int number)
    {
        int kind = number % 4;
        string name = (number / 4 * (kind < 2 ? 2 : 1) + (kind == 1 ? 1 : 0)).ToString("D9", CultureInfo.InvariantCulture);
        return kind switch
        {
            0 or 1 => $"{prefix}/e/{name}",
            2 => $"{prefix}/p/{name}/+",
            _ => $"{prefix}/h/{name}/#",
        };
    }

    private static string Topic(string prefix, int kind, string name) => kind switch
    {
        0 or 1 => $"{prefix}/e/{name}",
        2 => $"{prefix}/p/{name}/x",
        _ => $"{prefix}/h/{name}/x/y",
    };

    /// <summary>How many topics of this kind have a subscription, for certain.</summary>
    private static int Of(int kind, int count) => count / 4 * (kind < 2 ? 2 : 1);

    private static byte[] EncodeName(string filter)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(filter);
        return [(byte)(text.Length >> 8), (byte)text.Length, .. text];
    }
}
