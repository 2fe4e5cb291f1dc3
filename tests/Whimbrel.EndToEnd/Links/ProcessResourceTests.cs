using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Whimbrel.Broker;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>What a broker takes from its process, and what it does when the process has nothing left. Alone, because the process is shared.</summary>
[CollectionDefinition(nameof(ProcessResourceTests), DisableParallelization = true)]
[Collection(nameof(ProcessResourceTests))]
public class ProcessResourceTests
{
    private const int DescriptorLimit = 7;

    public static TheoryData<Carrier> Carriers => WiredBroker.Carriers;

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Before_descriptors_run_out_new_clients_see_a_close_and_the_others_go_on(Carrier carrier)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "descriptors are limited in this way on Linux");

        // Their descriptors exist before the limit; only the broker needs new ones.
        var clients = Enumerable.Range(0, 150).Select(_ => new WireClient(new Socket(SocketType.Stream, ProtocolType.Tcp))).ToList();
        using var few = new FewDescriptors(30);
        await using var broker = await WiredBroker.StartAsync(carrier);
        await clients[0].Socket.ConnectAsync(broker.EndPoint).WaitAsync(WiredBroker.Bound);
        foreach (var client in clients.Skip(1))
        {
            try
            {
                await client.Socket.ConnectAsync(broker.EndPoint).WaitAsync(WiredBroker.Bound);
            }
            catch (SocketException)
            {
                // Closed again before the client noticed that it was connected.
            }
        }

        await clients[0].ConnectAsync("steady");
        await clients[^1].ReadUntilGoneAsync();
        await clients[0].PingAsync();
        string line = Assert.Single(broker.Log.Lines.Select(line => line.Text), text => text.Contains("cannot accept", StringComparison.Ordinal));
        Assert.Matches("all but [0-9]+ of the [0-9]+ descriptors of this process are in use", line);

        // Those that got in make room for others.
        foreach (var client in clients.Skip(1))
            client.Reset();
        Assert.Equal(CloseReason.PeerReset, (await broker.Events.WaitAsync(e => e.Kind == BrokerEventKind.Closed)).CloseReason);
        await using var late = await ConnectEventuallyAsync(broker, "late");
        await late.PingAsync();
        await clients[0].PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_stopped_broker_leaves_neither_threads_nor_descriptors(Carrier carrier)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "threads and descriptors are counted in /proc");
        await LiveAsync(carrier);
        int sockets = Sockets();
        for (int i = 0; i < 3; i++)
            await LiveAsync(carrier);

        // A socket of ours may be closed a moment after it was disposed of, and a thread ends a moment after it said so.
        Assert.True(SpinWait.SpinUntil(() => Sockets() <= sockets, WiredBroker.Bound), $"{Sockets()} instead of {sockets}");
        Assert.True(SpinWait.SpinUntil(() => !Threads().Any(name => name.StartsWith("whimbrel", StringComparison.Ordinal)), WiredBroker.Bound), string.Join(' ', Threads()));
    }

    private static async Task<WireClient> ConnectEventuallyAsync(WiredBroker broker, string clientId)
    {
        using var bound = new CancellationTokenSource(WiredBroker.Bound);
        while (true)
        {
            try
            {
                return await broker.ConnectAsync(clientId);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                bound.Token.ThrowIfCancellationRequested();
            }
        }
    }

    private static async Task LiveAsync(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        var clients = new List<WireClient>();
        for (int i = 0; i < 20; i++)
            clients.Add(await broker.ConnectAsync($"client{i}"));
        if (carrier != Carrier.Pipes)
            Assert.Contains("whimbrel-loop-0", Threads());
        for (int i = 0; i < 10; i++)
            clients[i].Reset();
        await broker.StopAsync();
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    /// <summary>Sockets, epoll instances and event counters that are open. The runtime holds files that it reads code from, ever more of them.</summary>
    private static int Sockets() => Descriptors().Count(path => new FileInfo(path).LinkTarget is { } target
        && (target.StartsWith("socket:", StringComparison.Ordinal) || target.StartsWith("anon_inode:", StringComparison.Ordinal)));

    private static string[] Descriptors() => Directory.GetFileSystemEntries("/proc/self/fd");

    private static List<string> Threads()
    {
        var names = new List<string>();
        foreach (string thread in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                names.Add(File.ReadAllText(Path.Combine(thread, "comm")).Trim());
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }

        return names;
    }

    /// <summary>Leaves the broker that starts now so many new descriptors. The runtime keeps its reserve: without one it dies.</summary>
    private sealed class FewDescriptors : IDisposable
    {
        private readonly List<SafeFileHandle> _fillers = [];
        private readonly Limit _before;

        public FewDescriptors(int count)
        {
            Assert.Equal(0, getrlimit(DescriptorLimit, out _before));
            int highest = Descriptors().Max(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));

            // Other tests may have left numbers free far below the highest.
            while (_fillers.Count == 0 || _fillers[^1].DangerousGetHandle() < highest)
                _fillers.Add(File.OpenHandle("/dev/null"));
            long limit = highest + 1 + count;
            while (limit - DescriptorBudget.ReserveOf(limit) < highest + 1 + count)
                limit++;
            Assert.Equal(0, setrlimit(DescriptorLimit, new Limit { Soft = (nuint)limit, Hard = _before.Hard }));
        }

        public void Dispose()
        {
            Assert.Equal(0, setrlimit(DescriptorLimit, _before));
            _fillers.ForEach(filler => filler.Dispose());
        }

        [DllImport("libc")]
        private static extern int getrlimit(int resource, out Limit limit);

        [DllImport("libc")]
        private static extern int setrlimit(int resource, in Limit limit);

        private struct Limit
        {
            public nuint Soft;
            public nuint Hard;
        }
    }
}
