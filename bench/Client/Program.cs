// Two client libraries by turns against one broker: CPU and bytes allocated per message, throughput, latency of awaited QoS 1.
//
//     dotnet run -c Release --project bench/Client -- PORT [ROUNDS]
//
// Start a broker first (whimbrel serve --in-memory). CPU is this process's, so what is received comes from the same library's publisher
// in the same process: the receive rows hold one publish of the same QoS for each message, and both libraries pay for it with their own.
using System.Diagnostics;
using System.Globalization;
using Whimbrel.Bench.Client;

int port = int.Parse(args[0], CultureInfo.InvariantCulture);
int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3;
var libraries = new (string Name, Func<IBenchClient> Make)[] { ("Whimbrel.Client", () => new WhimbrelBenchClient()), ("MQTTnet", () => new MqttNetBenchClient()) };
var results = new Dictionary<(string Row, string Library), List<double[]>>();
byte[] payload = new byte[16];

for (int round = 0; round <= rounds; round++)
{
    foreach ((string name, Func<IBenchClient> make) in libraries)
    {
        // The first round warms up.
        bool counts = round > 0;
        await Run("publish QoS 0, one after the other", 200_000, (client, count) => InTurnAsync(client, count, 0));
        await Run("publish QoS 1, 8 at a time", 50_000, (client, count) => TogetherAsync(client, count, 8));
        await Run("publish QoS 1, 48 at a time", 50_000, (client, count) => TogetherAsync(client, count, 48));
        await Run("publish QoS 1, 1,000 at a time", 100_000, (client, count) => TogetherAsync(client, count, 1_000));
        await Run("publish and receive, QoS 0", 100_000, (client, count) => ReceiveAsync(client, count, 0, callers: 1));
        await Run("publish and receive, QoS 1, one after the other", 50_000, (client, count) => ReceiveAsync(client, count, 1, callers: 1));
        await Run("publish and receive, QoS 1, 48 at a time", 50_000, (client, count) => ReceiveAsync(client, count, 1, callers: 48));
        await LatencyAsync();

        async Task Run(string row, int count, Func<IBenchClient, int, Task> what)
        {
            await using IBenchClient client = make();
            await client.ConnectAsync(port);
            await what(client, count / 10);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long bytes = GC.GetTotalAllocatedBytes();
            long began = Stopwatch.GetTimestamp();
            await what(client, count);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            Add(row, [(Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / count, (double)(GC.GetTotalAllocatedBytes() - bytes) / count, count / seconds]);
        }

        async Task LatencyAsync()
        {
            const int count = 5_000;
            await using IBenchClient client = make();
            await client.ConnectAsync(port);
            var times = new double[count];
            for (int i = 0; i < count; i++)
            {
                long began = Stopwatch.GetTimestamp();
                await client.PublishAsync("bench/latency", payload, 1);
                times[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            }

            Array.Sort(times);
            Add("awaited QoS 1: p50 us, p99 us, -", [times[count / 2], times[count * 99 / 100], 0]);
        }

        void Add(string row, double[] figures)
        {
            if (!counts)
                return;
            if (!results.TryGetValue((row, name), out List<double[]>? list))
                results[(row, name)] = list = [];
            list.Add(figures);
        }
    }
}

Console.WriteLine("| us of CPU / bytes / messages a second | Whimbrel.Client | MQTTnet |");
Console.WriteLine("|---|---|---|");
foreach (string row in results.Keys.Select(key => key.Row).Distinct())
    Console.WriteLine($"| {row} | {Cell(row, libraries[0].Name)} | {Cell(row, libraries[1].Name)} |");

string Cell(string row, string library)
{
    List<double[]> list = results[(row, library)];
    return string.Join(" / ", Enumerable.Range(0, 3).Select(i => list.Select(figures => figures[i]).Order().ElementAt(list.Count / 2).ToString("N1", CultureInfo.InvariantCulture)));
}

async Task InTurnAsync(IBenchClient client, int count, int qos)
{
    for (int i = 0; i < count; i++)
        await client.PublishAsync("bench/publish", payload, qos);
}

// As many callers as are to be under way, each awaiting its own.
Task TogetherAsync(IBenchClient client, int count, int callers) => Task.WhenAll(Enumerable.Range(0, callers).Select(_ => InTurnAsync(client, count / callers, 1)));

async Task ReceiveAsync(IBenchClient client, int count, int qos, int callers)
{
    var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    int left = count / callers * callers;
    int published = 0;
    int received = 0;
    string topic = "bench/receive/" + Guid.NewGuid().ToString("N");
    await client.SubscribeAsync(topic, qos, () =>
    {
        Interlocked.Increment(ref received);
        if (Interlocked.Decrement(ref left) == 0)
            done.TrySetResult();
    });
    await Task.WhenAll(Enumerable.Range(0, callers).Select(async _ =>
    {
        for (int i = 0; i < count / callers; i++)
        {
            await client.PublishAsync(topic, payload, qos);
            // Never so much under way that anybody's queue would drop: Whimbrel.Client's holds 256 messages of a subscription.
            int sent = Interlocked.Increment(ref published);
            while (sent - Volatile.Read(ref received) > 200 - callers)
                await Task.Yield();
        }
    }));
    await done.Task.WaitAsync(TimeSpan.FromSeconds(60));
}
