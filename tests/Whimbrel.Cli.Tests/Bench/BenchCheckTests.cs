using System.Text.Json;

namespace Whimbrel.Cli.Tests.Bench;

/// <summary>A broker that does not keep its promises is found out.</summary>
public class BenchCheckTests
{
    [Theory]
    [InlineData(BrokerFault.Loses, "lost")]
    [InlineData(BrokerFault.Duplicates, "duplicated")]
    [InlineData(BrokerFault.Reorders, "reordered")]
    [InlineData(BrokerFault.Misroutes, "foreign")]
    public async Task What_a_broker_does_wrongly_is_counted(object fault, string check)
    {
        JsonElement checks = await ChecksAsync((BrokerFault)fault, fault is BrokerFault.Loses ? 0 : 1);
        long sent = checks.GetProperty("sent").GetInt64();
        Assert.Equal(500, sent);

        // Each hundredth. The last may be held back, and what goes astray is missed where it was to go.
        Assert.InRange(checks.GetProperty(check).GetInt64(), 4, 5);
        foreach (string other in new[] { "lost", "duplicated", "reordered", "foreign" }.Where(o => o != check && o != "lost"))
            Assert.Equal(0, checks.GetProperty(other).GetInt64());
    }

    [Fact]
    public async Task A_broker_without_fault_passes()
    {
        JsonElement checks = await ChecksAsync(BrokerFault.None, 0);
        Assert.Equal((500, 500, 500), (Number(checks, "sent"), Number(checks, "expected"), Number(checks, "received")));
        foreach (string check in new[] { "lost", "duplicated", "reordered", "foreign", "disconnected" })
            Assert.Equal(0, Number(checks, check));
    }

    [Fact]
    public async Task A_broker_that_disconnects_is_named()
    {
        JsonElement checks = await ChecksAsync(BrokerFault.Disconnects, 1);
        Assert.Equal(1, Number(checks, "disconnected"));
        Assert.Equal("the broker disconnected: Server shutting down (0x8B)", checks.GetProperty("disconnectReason").GetString());
        Assert.True(Number(checks, "lost") > 0);
    }

    [Fact]
    public async Task A_broker_that_refuses_ends_the_run()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = new FaultyBroker(BrokerFault.Refuses);
        using var world = new ToolWorld();
        Assert.Equal(4, await world.RunAsync("bench", "pairs", "-h", "127.0.0.1", "-p", broker.Port));
        Assert.Equal($"whimbrel: mqtt://127.0.0.1:{broker.Port} refused the connection: Not authorized (0x87)\n", world.Error);
        Assert.Equal("", world.Output);
    }

    // By a timetable, so that every run has the same messages and nothing waits for what has been lost.
    private static async Task<JsonElement> ChecksAsync(BrokerFault fault, int code)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        await using var broker = new FaultyBroker(fault);
        using var world = new ToolWorld();
        int actual = await world.RunAsync(
            "bench", "pairs", "--pairs", "1", "-h", "127.0.0.1", "-p", broker.Port, "--rate", "1000", "-d", "0.5", "--warmup", "0", "--json");
        Assert.Equal("", world.Error);
        Assert.Equal(code, actual);
        return JsonDocument.Parse(world.Output).RootElement.GetProperty("checks");
    }

    private static long Number(JsonElement checks, string name) => checks.GetProperty(name).GetInt64();
}
