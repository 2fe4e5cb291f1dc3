using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Broker;
using Whimbrel.Server;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Tests;

/// <summary>What is on disk, looked at, backed up and restored; with a broker beside and without.</summary>
public sealed class StoreTests : IDisposable
{
    private readonly string _scratch = Directory.CreateTempSubdirectory("w-store-").FullName;

    private string Data => In("data");

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sessions_queues_and_retained_messages_are_listed(bool whileRunning)
    {
        var broker = await RunningBroker.StartAsync(data: Data);
        await FillAsync(broker);
        if (!whileRunning)
            await broker.DisposeAsync();

        var session = await JsonAsync("sessions", "--filter", "alice");
        Assert.Equal(("alice", "5.0", false, 3600), (session.GetProperty("clientId").GetString(), session.GetProperty("version").GetString(), session.GetProperty("connected").GetBoolean(), session.GetProperty("expirySeconds").GetInt32()));
        Assert.Equal("home/#", session.GetProperty("subscriptions")[0].GetProperty("filter").GetString());
        Assert.Equal((1, 0), (session.GetProperty("queued").GetInt32(), session.GetProperty("inFlight").GetInt32()));

        var queued = await JsonAsync("queues", "--filter", "home/+");
        Assert.Equal(("home/one", 1, 13, "alice"), (queued.GetProperty("topic").GetString(), queued.GetProperty("qos").GetInt32(), queued.GetProperty("bytes").GetInt32(), queued.GetProperty("receivers")[0].GetProperty("clientId").GetString()));
        Assert.Equal("alice", (await JsonAsync("queues", "--filter", "alice")).GetProperty("receivers")[0].GetProperty("clientId").GetString());
        Assert.Equal("state/x", (await JsonAsync("retained", "--filter", "state/#")).GetProperty("topic").GetString());
        Assert.Equal((2, 2, 1), Counts(await JsonAsync()));
        Assert.Equal("", (await RunAsync("store", "inspect", "retained", "--filter", "other", "--json", "--data", Data)).Output);

        string[] lines = (await RunAsync("store", "inspect", "sessions", "--data", Data)).Output.Split('\n');
        Assert.StartsWith("client ", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("alice ", StringComparison.Ordinal) && line.Contains(" 3600 s ", StringComparison.Ordinal));
        await broker.DisposeAsync();
    }

    [Theory]
    [InlineData("backup.tar")]
    [InlineData("backup")]
    public async Task A_backup_beside_a_running_broker_brings_its_messages_back(string name)
    {
        string backup = In(name);
        await using (var broker = await RunningBroker.StartAsync(data: Data))
        {
            await FillAsync(broker);
            var (code, output, error) = await RunAsync("backup", "create", "--data", Data, "--to", backup);
            Assert.Equal((0, ""), (code, error));
            Assert.StartsWith($"ok: {backup}: 2 sessions, 2 queued messages, 1 retained messages, of ", output, StringComparison.Ordinal);
            // The broker goes on.
            using var pub = new ToolWorld();
            Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", "1", "home/later", "later"));
            Assert.DoesNotContain(Directory.EnumerateDirectories(Data), directory => directory.Contains("checkpoint", StringComparison.Ordinal));
        }

        Assert.Equal(0, (await RunAsync("backup", "verify", backup)).Code);
        Assert.Equal(0, (await RunAsync("backup", "restore", backup, "--data", In("restored"))).Code);
        await using var restored = await RunningBroker.StartAsync(data: In("restored"));
        using var sub = new ToolWorld();
        Assert.Equal(5, await sub.RunAsync("sub", "-p", restored.Port, "-i", "alice", "-c", "-x", "3600", "-q", "1", "-W", "0.5", "home/#"));
        Assert.Equal("hello\n", sub.Output);
    }

    [Fact]
    public async Task What_cannot_be_done_is_one_clear_line()
    {
        await (await RunningBroker.StartAsync(data: Data)).DisposeAsync();
        Assert.Equal((1, "", $"whimbrel: there is no data directory {In("none")}, or it cannot be seen: check the path given with --data, and its permissions\n"), await RunAsync("store", "inspect", "--data", In("none")));
        Assert.Equal((1, "", $"whimbrel: there is no backup {In("none")}\n"), await RunAsync("backup", "verify", In("none")));
        Assert.Equal(0, (await RunAsync("backup", "create", "--data", Data, "--to", In("b"))).Code);
        Assert.Equal((1, "", $"whimbrel: {Data} is not empty: restoring would overwrite what is there; give a directory that is missing or empty\n"), await RunAsync("backup", "restore", In("b"), "--data", Data));
        Assert.Equal((1, "", $"whimbrel: {In("b")} exists already; a backup does not overwrite anything\n"), await RunAsync("backup", "create", "--data", Data, "--to", In("b")));
        Assert.Equal(2, (await RunAsync("store", "inspect", "everything", "--data", Data)).Code);
        Assert.Equal(2, (await RunAsync("backup", "create", "--data", Data)).Code);
    }

    [Fact]
    public async Task A_data_directory_that_somebody_holds_who_does_not_answer_is_3()
    {
        using var holder = DiskStore.Open(Data);
        var (code, _, error) = await RunAsync("backup", "create", "--data", Data, "--to", In("b"));
        Assert.Equal(3, code);
        Assert.Contains($"the data directory {Data} is used by another process", error, StringComparison.Ordinal);
        Assert.Contains($"nobody answers on {Path.Combine(Data, "control.sock")}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_makes_no_checkpoint_says_why_and_goes_on_answering()
    {
        Directory.CreateDirectory(Data);
        int asked = 0;
        await using var socket = ControlSocket.Open(Data, _ => throw (++asked == 1 ? new StoreException(StoreFailure.Full, "no\nroom") : new InvalidOperationException("mistake")), NullLogger.Instance);
        Assert.Equal("error no room", await AskAsync("checkpoint checkpoint-1\n"));
        Assert.Equal("", await AskAsync("checkpoint checkpoint-1\n"));
        Assert.Equal("error this broker understands 'checkpoint NAME' only", await AskAsync("format everything\n"));
        Assert.Equal("error this broker understands 'checkpoint NAME' only", await AskAsync(new string('x', 5000)));
        Assert.Equal("error this broker understands 'checkpoint NAME' only", await AskAsync("checkpoint \n"));
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task The_control_socket_is_its_owner_s_and_goes_with_the_broker()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there are no unix sockets to speak of");
        Directory.CreateDirectory(Data);
        string path = Path.Combine(Data, ControlSocket.FileName);
        File.WriteAllText(path, "left by a crash");
        await using (ControlSocket.Open(Data, _ => { }, NullLogger.Instance))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(path).UnixFileMode);
            Assert.Equal("ok", await AskAsync("checkpoint checkpoint-1\n"));
        }

        Assert.False(File.Exists(path));
        string deep = In(new string('d', 100));
        Directory.CreateDirectory(deep);
        Assert.Null(ControlSocket.Open(deep, _ => { }, NullLogger.Instance));
    }

    private static (int Sessions, int Queued, int Retained) Counts(JsonElement overview) =>
        (overview.GetProperty("sessions").GetInt32(), overview.GetProperty("queued").GetInt32(), overview.GetProperty("retained").GetInt32());

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var tool = new ToolWorld();
        int code = await tool.RunAsync(arguments);
        return (code, tool.Output, tool.Error);
    }

    /// <summary>Two clients that have gone, one message for each, and one retained.</summary>
    private static async Task FillAsync(RunningBroker broker)
    {
        foreach (var (client, filter) in new[] { ("alice", "home/#"), ("bob", "garden/#") })
            Assert.Equal(5, (await RunAsync("sub", "-p", broker.Port, "-i", client, "-c", "-x", "3600", "-q", "1", "-W", "0.2", filter)).Code);
        foreach (string topic in new[] { "home/one", "garden/one" })
            Assert.Equal(0, (await RunAsync("pub", "-p", broker.Port, "-q", "1", topic, "hello")).Code);
        Assert.Equal(0, (await RunAsync("pub", "-p", broker.Port, "-q", "1", "-r", "state/x", "on")).Code);
    }

    private string In(string name) => Path.Combine(_scratch, name);

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        var (code, output, error) = await RunAsync(["store", "inspect", .. arguments, "--json", "--data", Data]);
        Assert.Equal((0, ""), (code, error));
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    private async Task<string> AskAsync(string text)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(Data, ControlSocket.FileName)));
        await socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(text));
        using var reader = new StreamReader(new NetworkStream(socket));
        return await reader.ReadLineAsync() ?? "";
    }
}
