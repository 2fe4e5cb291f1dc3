using System.Globalization;
using System.Text.Json;
using Whimbrel.Hosting;

namespace Whimbrel.Cli.Tests.Bench;

/// <summary>Every scenario against the broker of <c>whimbrel serve</c>, for a moment.</summary>
public class BenchScenarioTests
{
    [Theory]
    [InlineData("pairs", "--pairs", "3")]
    [InlineData("pairs", "--qos", "1", "--payload", "300")]
    [InlineData("pairs", "--qos", "2", "--version", "3.1.1")]
    [InlineData("pairs", "--pairs", "2", "--payload", "100000", "--window", "3", "--qos", "1")]
    [InlineData("pairs", "--rate", "200", "--qos", "1")]
    [InlineData("pairs", "--sources", "127.0.0.2-127.0.0.4")]
    [InlineData("fanout", "--subscribers", "20", "--clients", "2")]
    [InlineData("fanout", "--subscribers", "5", "--stalled", "2")]
    [InlineData("fanout", "--subscribers", "20", "--qos", "2", "--window", "5")]
    [InlineData("fanin", "--clients", "20")]
    [InlineData("fanin", "--clients", "5", "--qos", "1", "--version", "3.1.1")]
    [InlineData("shared", "--qos", "1")]
    [InlineData("shared", "--qos", "2", "--clients", "2", "--subscribers", "3")]
    [InlineData("subs", "--count", "1000", "--clients", "7")]
    [InlineData("subs", "--count", "4", "--qos", "1", "--version", "3.1.1")]
    public async Task Messages_arrive_once_and_in_order(params string[] arguments)
    {
        JsonElement report = await RunAsync([.. arguments, "-d", "0.2", "--warmup", "0.05"]);
        AssertSound(report);
        JsonElement messages = report.GetProperty("messages");
        Assert.True(messages.GetProperty("in").GetInt64() > 0);
        Assert.True(messages.GetProperty("out").GetInt64() > 0);
        Assert.True(report.GetProperty("latencyMicroseconds").GetProperty("p50").GetDouble() > 0);
        Assert.True(report.GetProperty("broker").GetProperty("cpuMicrosecondsPerMessage").GetDouble() > 0);
    }

    [Theory]
    [InlineData("keep,fetch,remove", 500, "retained", "--count", "500", "--subscribers", "2")]
    [InlineData("keep,fetch,remove", 500, "retained", "--count", "500", "--qos", "2", "--version", "3.1.1")]
    [InlineData("store,drain", 500, "offline", "--count", "500", "--clients", "2")]
    [InlineData("store,drain", 500, "offline", "--count", "500", "--qos", "2", "--version", "3.1.1")]
    [InlineData("subscribe,unsubscribe", 500, "subs", "--count", "500")]
    [InlineData("connect clients,idle", 50, "conn", "--clients", "50")]
    [InlineData("connect clients,subscribe", 50, "conn", "--clients", "50", "--count", "1")]
    [InlineData("churn", 1, "churn", "--clients", "5")]
    public async Task Each_stage_is_measured_by_itself(string stages, int atLeast, params string[] arguments)
    {
        JsonElement report = await RunAsync([.. arguments, "-d", "0.2", "--warmup", "0.05"]);
        AssertSound(report);
        foreach (string name in stages.Split(','))
        {
            JsonElement stage = report.GetProperty("stages").EnumerateArray().Single(s => s.GetProperty("name").GetString() == name);
            Assert.True(stage.GetProperty("count").GetInt64() >= atLeast, $"{name}: {stage}");
            Assert.True(stage.GetProperty("brokerCpuMicrosecondsEach").GetDouble() >= 0);
        }
    }

    [Fact]
    public async Task Retained_messages_are_removed_in_the_end()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = await RunningBroker.StartAsync();
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("bench", "retained", "--count", "50", "--topic", "kept", "-h", "127.0.0.1", "-p", broker.Port, "--warmup", "0"));
        using var pub = new ToolWorld();
        Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-r", "kept/last", "x"));
        using var sub = new ToolWorld();
        Assert.Equal(0, await sub.RunAsync("sub", "-p", broker.Port, "-v", "kept/#", "-C", "1"));
        Assert.Equal("kept/last x\n", sub.Output);
    }

    [Fact]
    public async Task Sub_checks_what_pub_publishes_elsewhere()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("bench", "sub", "--subscribers", "2", "-h", "127.0.0.1", "-p", broker.Port, "-d", "0.3", "--warmup", "0.05", "--json");
        while (!receiving.IsCompleted)
        {
            // It waits for the first message, so it must not be the only attempt.
            using var pub = new ToolWorld();
            Assert.Equal(0, await pub.RunAsync("bench", "pub", "--rate", "500", "--clients", "2", "-h", "127.0.0.1", "-p", broker.Port, "-d", "0.4", "--warmup", "0", "--json"));
            Assert.Equal(400, JsonDocument.Parse(pub.Output).RootElement.GetProperty("checks").GetProperty("sent").GetInt64());
        }

        Assert.Equal(0, await receiving);
        JsonElement report = JsonDocument.Parse(sub.Output).RootElement;
        AssertSound(report);
        Assert.True(report.GetProperty("checks").GetProperty("received").GetInt64() > 0);
    }

    [Fact]
    public async Task Pub_measures_the_time_to_the_acknowledgement()
    {
        JsonElement report = await RunAsync(["pub", "--qos", "1", "-d", "0.2", "--warmup", "0"]);
        AssertSound(report);
        Assert.True(report.GetProperty("latencyMicroseconds").GetProperty("count").GetInt64() > 0);
    }

    [Fact]
    public async Task Ctrl_C_ends_early_with_the_summary()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = await RunningBroker.StartAsync();
        using var world = new ToolWorld { IsErrorTerminal = true };
        var running = world.RunAsync("bench", "pairs", "--rate", "100", "-h", "127.0.0.1", "-p", broker.Port, "-d", "1000", "--warmup", "0");
        await world.SaysAsync("msg/s out");
        world.Interrupt();
        Assert.Equal(130, await running);
        Assert.StartsWith("pairs ", world.Output, StringComparison.Ordinal);
        Assert.Contains("interrupted", world.Output, StringComparison.Ordinal);
        Assert.Contains("0 lost, 0 duplicated, 0 reordered", world.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_said_of_progress_where_nobody_watches()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = await RunningBroker.StartAsync(links: LinkKind.Pipes);
        using var world = new ToolWorld();
        Assert.Equal(0, await world.RunAsync("bench", "pairs", "--rate", "100", "-h", "127.0.0.1", "-p", broker.Port, "-d", "1.2", "--warmup", "0"));
        Assert.Equal("", world.Error);
    }

    private static async Task<JsonElement> RunAsync(string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = await RunningBroker.StartAsync();
        using var world = new ToolWorld();
        string pid = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        int code = await world.RunAsync(["bench", .. arguments, "-h", "127.0.0.1", "-p", broker.Port, "--pid", pid, "--json"]);
        Assert.True(code == 0, $"{code}: {world.Error}{world.Output}");
        Assert.Equal("", world.Error);
        return JsonDocument.Parse(world.Output).RootElement;
    }

    private static void AssertSound(JsonElement report)
    {
        JsonElement checks = report.GetProperty("checks");
        foreach (string check in new[] { "lost", "duplicated", "reordered", "refused", "unacknowledged", "unsent", "foreign", "disconnected" })
            Assert.True(checks.GetProperty(check).GetInt64() == 0, report.ToString());
    }
}
