// What durability costs: whimbrel and mosquitto side by side, on the same disk, one after the other, several rounds.
//   dotnet run -c Release --project bench/Durability -- publish|cycles|recovery [--rounds N] [--seconds N] [--count N] [--dir DIR] [--whimbrel PATH]
// Linux only: CPU time and bytes come from /proc.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Whimbrel.Bench.Durability;

string scenario = args.FirstOrDefault() ?? "publish";
int rounds = int.Parse(Option("--rounds", "3"), CultureInfo.InvariantCulture);
double seconds = double.Parse(Option("--seconds", "3"), CultureInfo.InvariantCulture);
int count = int.Parse(Option("--count", "1000000"), CultureInfo.InvariantCulture);
string whimbrel = Option("--whimbrel", "out/whimbrel");
string folder = Directory.CreateTempSubdirectory("whimbrel-bench-").FullName;
if (Option("--dir", "") is { Length: > 0 } given)
    folder = Directory.CreateDirectory(Path.Combine(given, Path.GetRandomFileName())).FullName;
try
{
    switch (scenario)
    {
        case "publish":
            Publish();
            break;
        case "cycles":
            Cycles();
            break;
        case "recovery":
            Recovery();
            break;
        default:
            Console.Error.WriteLine("publish, cycles or recovery");
            return 2;
    }

    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

void Publish()
{
    Console.WriteLine("QoS 1, 256 B, one publisher, one absent lasting session; each line the median of the rounds");
    Console.WriteLine($"{"broker",-28} {"in flight",9} {"acks/s",9} {"CPU us",8} {"p50 us",8} {"p99 us",8} {"written B",10} {"drain/s",9} {"CPU us",8}");
    foreach (int window in new[] { 1, 16, 256 })
    {
        var byBroker = Contenders().ToDictionary(c => c.Name, _ => new List<double[]>());
        for (int round = 0; round < rounds; round++)
        {
            foreach ((string name, Func<string, BrokerProcess> start) in Contenders())
                byBroker[name].Add(PublishOnce(start, window));
        }

        byBroker.Add("append and fdatasync (limit)", [.. Enumerable.Range(0, rounds).Select(_ => Append(window))]);
        foreach ((string name, List<double[]> figures) in byBroker)
        {
            double[] m = [.. Enumerable.Range(0, figures[0].Length).Select(i => figures.Select(f => f[i]).Order().ElementAt(figures.Count / 2))];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-28} {window,9} {m[0],9:F0} {m[1],8:F1} {m[2],8:F0} {m[3],8:F0} {m[4],10:F0} {m[5],9:F0} {m[6],8:F1}"));
        }
    }
}

double[] PublishOnce(Func<string, BrokerProcess> start, int window)
{
    string data = Directory.CreateDirectory(Path.Combine(folder, Path.GetRandomFileName())).FullName;
    using BrokerProcess broker = start(data);
    using (BenchClient absent = BenchClient.Connect(broker.Port, "absent", clean: false))
    {
        absent.Subscribe("bench/#");
        absent.Disconnect();
    }

    byte[] topic = Encoding.UTF8.GetBytes("bench/machine/7/temperature");
    using BenchClient publisher = BenchClient.Connect(broker.Port, "publisher", clean: true);
    // Warm-up.
    int warm = publisher.PublishWindow(_ => topic, new byte[256], window, sent => sent < Math.Max(200, window * 4)).Count;
    double cpu = broker.CpuMicroseconds;
    long written = broker.WrittenBytes;
    long began = Stopwatch.GetTimestamp();
    List<long> took = publisher.PublishWindow(_ => topic, new byte[256], window, _ => Stopwatch.GetElapsedTime(began).TotalSeconds < seconds);
    double elapsed = Stopwatch.GetElapsedTime(began).TotalSeconds;
    cpu = broker.CpuMicroseconds - cpu;
    written = broker.WrittenBytes - written;
    took.Sort();

    double drainCpu = broker.CpuMicroseconds;
    began = Stopwatch.GetTimestamp();
    using (BenchClient back = BenchClient.Connect(broker.Port, "absent", clean: false))
        back.Drain(warm + took.Count);
    double drain = (warm + took.Count) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    drainCpu = (broker.CpuMicroseconds - drainCpu) / (warm + took.Count);
    broker.Kill();
    Directory.Delete(data, recursive: true);
    return [took.Count / elapsed, cpu / took.Count, took[took.Count / 2], took[took.Count * 99 / 100], (double)written / took.Count, drain, drainCpu];
}

// What the disk allows: one append and one fdatasync for everything in flight, and no broker.
double[] Append(int window)
{
    string path = Path.Combine(folder, "append");
    using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, 0);
    byte[] records = new byte[window * 300];
    var took = new List<long>();
    double cpu = Environment.CpuUsage.TotalTime.TotalMicroseconds;
    long began = Stopwatch.GetTimestamp();
    while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds)
    {
        long at = Stopwatch.GetTimestamp();
        file.Write(records);
        file.Flush(flushToDisk: true);
        took.Add((long)Stopwatch.GetElapsedTime(at).TotalMicroseconds);
    }

    double n = (double)took.Count * window;
    took.Sort();
    cpu = Environment.CpuUsage.TotalTime.TotalMicroseconds - cpu;
    return [n / Stopwatch.GetElapsedTime(began).TotalSeconds, cpu / n, took[took.Count / 2], took[took.Count * 99 / 100], 300, 0, 0];
}

// Publish and acknowledge, over and over: what is left on the disk, and what was written for it.
void Cycles()
{
    string data = Directory.CreateDirectory(Path.Combine(folder, "cycles")).FullName;
    using BrokerProcess broker = Whimbrel(data);
    byte[] topic = Encoding.UTF8.GetBytes("bench/machine/7/temperature");
    const int Chunk = 20_000;
    long began = Stopwatch.GetTimestamp();
    double cpu = broker.CpuMicroseconds;
    long peak = 0;
    for (int done = 0; done < count; done += Chunk)
    {
        // Queued while the subscriber is away, so that nothing is spared, then drained.
        using (BenchClient subscriber = BenchClient.Connect(broker.Port, "subscriber", clean: false))
            subscriber.Subscribe("bench/#");
        using (BenchClient publisher = BenchClient.Connect(broker.Port, "publisher", clean: true))
            publisher.PublishWindow(_ => topic, new byte[256], 256, sent => sent < Chunk);
        using (BenchClient subscriber = BenchClient.Connect(broker.Port, "subscriber", clean: false))
            subscriber.Drain(Chunk);
        peak = Math.Max(peak, SizeOf(data));
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} cycles in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s, {(broker.CpuMicroseconds - cpu) / count:F1} us CPU each, {(double)broker.WrittenBytes / count:F0} B written each (payload 256), directory at most {peak / 1e6:F0} MB, at the end {SizeOf(data) / 1e6:F0} MB, RSS {broker.ResidentBytes / 1e6:F0} MB"));
}

// A million queued messages, a tenth as many sessions and retained messages, then kill -9.
void Recovery()
{
    string data = Directory.CreateDirectory(Path.Combine(folder, "recovery")).FullName;
    int others = count / 10;
    byte[] payload = new byte[256];
    using (BrokerProcess broker = Whimbrel(data))
    {
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < others; i++)
        {
            using BenchClient client = BenchClient.Connect(broker.Port, $"session-{i}", clean: false);
            if (i % 100 == 0)
                client.Subscribe($"queue/{i / 100}");
            client.Disconnect();
        }

        int queues = Math.Max(1, others / 100);
        using BenchClient publisher = BenchClient.Connect(broker.Port, "publisher", clean: true);
        publisher.PublishWindow(i => Encoding.UTF8.GetBytes($"queue/{i % queues}"), payload, 256, sent => sent < count);
        publisher.PublishWindow(i => Encoding.UTF8.GetBytes($"retained/{i}"), payload, 256, sent => sent < others, retain: true);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"filled in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s, RSS {broker.ResidentBytes / 1e6:F0} MB, directory {SizeOf(data) / 1e6:F0} MB"));
        broker.Kill();
    }

    for (int round = 0; round < rounds; round++)
    {
        using BrokerProcess broker = Whimbrel(data);
        using BenchClient client = BenchClient.Connect(broker.Port, "session-0", clean: false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} queued, {others} sessions, {others} retained: first CONNACK after {broker.StartedIn.TotalSeconds:F1} s, {broker.CpuMicroseconds / 1e6:F1} s CPU, RSS {broker.ResidentBytes / 1e6:F0} MB, session present: {client.SessionPresent}"));
        broker.Kill();
    }
}

IEnumerable<(string Name, Func<string, BrokerProcess> Start)> Contenders() =>
[
    ("whimbrel", Whimbrel),
    ("mosquitto, every change", data => Mosquitto(data, "autosave_interval 1\nautosave_on_changes true\n")),
    ("mosquitto, default", data => Mosquitto(data, "")),
];

BrokerProcess Whimbrel(string data)
{
    int port = BrokerProcess.FreePort();
    return BrokerProcess.Start(whimbrel, ["serve", "--listen", $"mqtt://127.0.0.1:{port}", "--data", Path.Combine(data, "store"), "--log-level", "warning"], port);
}

BrokerProcess Mosquitto(string data, string autosave)
{
    int port = BrokerProcess.FreePort();
    string file = Path.Combine(data, "mosquitto.conf");
    File.WriteAllText(file, $"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {data}/\nmax_queued_messages 0\nmax_inflight_messages 256\nuser root\n{autosave}");
    return BrokerProcess.Start("mosquitto", ["-c", file], port);
}

static long SizeOf(string directory) => new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);

string Option(string name, string otherwise) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
