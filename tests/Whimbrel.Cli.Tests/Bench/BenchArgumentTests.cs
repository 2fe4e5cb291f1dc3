using System.Net;
using Whimbrel.Cli.Bench;
using Whimbrel.Cli.Commands;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests.Bench;

public class BenchArgumentTests
{
    private const string Names = "conn, pub, sub, pairs, fanout, fanin, shared, retained, subs, churn, offline";

    private static BenchSettings Read(params string[] arguments)
    {
        var context = new ToolWorld().Context;
        var root = Tool.Build(context);
        var parsed = Tool.Parse(root, ["bench", .. arguments]);
        Assert.Empty(parsed.Errors);
        return root.Subcommands.OfType<BenchCommand>().Single().Read(parsed);
    }

    [Fact]
    public void A_scenario_alone_is_enough()
    {
        BenchSettings settings = Read("pairs");
        Assert.Equal(("pairs", "mqtt://localhost:1883", 10, 200), (settings.Scenario.Name, settings.Target.ToString(), settings.Clients, settings.Window));
        Assert.Equal((QoS.AtMostOnce, 16, 0.0, 5.0, 1.0), (settings.QoS, settings.PayloadBytes, settings.Rate, settings.Duration.TotalSeconds, settings.Warmup.TotalSeconds));
        Assert.Equal(ProtocolVersion.Mqtt50, settings.Version);
        Assert.Null(settings.BrokerPid);
    }

    [Fact]
    public void Everything_can_be_said()
    {
        BenchSettings settings = Read(
            "fanout", "-h", "example.org", "-p", "1885", "--qos", "2", "--payload", "4096", "--window", "7", "--rate", "0.5", "--duration", "1.5", "--warmup", "0",
            "--clients", "3", "--subscribers", "9", "--topic", "a/b", "--version", "3.1.1", "--sources", "127.0.0.9-127.0.0.11", "--pid", "12", "--json");
        Assert.Equal("mqtt://example.org:1885", settings.Target.ToString());
        Assert.Equal((QoS.ExactlyOnce, 4096, 7, 0.5, 3, 9, "a/b"), (settings.QoS, settings.PayloadBytes, settings.Window, settings.Rate, settings.Clients, settings.Subscribers, settings.Prefix));
        Assert.Equal((1.5, 0.0, ProtocolVersion.Mqtt311, 12, true), (settings.Duration.TotalSeconds, settings.Warmup.TotalSeconds, settings.Version, settings.BrokerPid, settings.IsJson));
        Assert.Equal(["127.0.0.9", "127.0.0.10", "127.0.0.11"], settings.Sources.Select(s => s.ToString()));
    }

    [Theory]
    [InlineData("127.0.0.1", 1)]
    [InlineData("::1", 1)]
    [InlineData("127.0.0.250-127.0.1.5", 12)]
    public void Sources_are_one_address_or_a_range(string text, int count)
    {
        IReadOnlyList<IPAddress> sources = Read("conn", "--sources", text).Sources;
        Assert.Equal(count, sources.Count);
        Assert.Equal(text.Split('-')[^1], sources[^1].ToString());
    }

    [Theory]
    [InlineData(1, 1000)]
    [InlineData(10, 200)]
    [InlineData(100, 20)]
    [InlineData(5000, 1)]
    public void The_window_is_narrower_with_more_publishers(int pairs, int window) =>
        Assert.Equal(window, Read("pairs", "--pairs", pairs.ToString(System.Globalization.CultureInfo.InvariantCulture)).Window);

    [Fact]
    public void A_URL_says_where_and_who()
    {
        BenchSettings settings = Read("pub", "-L", "mqtt://me:secret@h:1884");
        Assert.Equal(("mqtt://h:1884", "me", "secret"), (settings.Target.ToString(), settings.UserName, settings.Password));
    }

    [Theory]
    [InlineData("which scenario? " + Names)]
    [InlineData("there is no scenario 'pair': " + Names, "pair")]
    [InlineData("--payload must be a number from 16 to 268434432, not '15'", "pairs", "--payload", "15")]
    [InlineData("-q must be 0, 1 or 2, not '3'", "pairs", "--qos", "3")]
    [InlineData("--rate must be a number from 0.001 to 10000000, not '0'", "pairs", "--rate", "0")]
    [InlineData("--duration must be a number from 0.001 to 1000000, not 'x'", "pairs", "--duration", "x")]
    [InlineData("--version must be 3.1.1 or 5, not '4'", "pairs", "--version", "4")]
    [InlineData("--sources must be an address or two such as 127.0.0.1-127.0.0.9, not '127.0.0.9-127.0.0.1'", "pairs", "--sources", "127.0.0.9-127.0.0.1")]
    [InlineData("--topic 'a/+' is not the beginning of a topic name", "pairs", "--topic", "a/+")]
    [InlineData("--pid must be a number from 1 to 4194304, not '0'", "pairs", "--pid", "0")]
    [InlineData("pairs has no --subscribers", "pairs", "--subscribers", "3")]
    [InlineData("fanin has no --pairs", "fanin", "--pairs", "3")]
    [InlineData("conn has no --rate", "conn", "--rate", "3")]
    [InlineData("pairs has no --count", "pairs", "--count", "3")]
    [InlineData("offline must know what the broker has taken: --qos 1 or 2", "offline", "--qos", "0")]
    [InlineData("-L says where the broker is; leave -h and -p out", "pairs", "-L", "mqtt://h", "-p", "1")]
    public void What_is_wrong_is_said_in_a_line(string problem, params string[] arguments) =>
        Assert.Equal(problem, Assert.Throws<UsageFailure>(() => Read(arguments)).Problems[0]);

    [Theory]
    [InlineData(3, "mqtt://127.0.0.1:1 cannot be reached: connection refused: nothing listens on that port", "-p", "1")]
    [InlineData(2, "--pid 4194304: there is no such process", "--pid", "4194304")]
    [InlineData(2, "--sources cannot be used to connect to mqtt://127.0.0.1:1883: they are addresses of another kind", "--sources", "::1")]
    public async Task What_cannot_be_done_is_said_in_a_line(int code, string text, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "bench needs Linux");
        using var world = new ToolWorld();
        Assert.Equal(code, await world.RunAsync(["bench", "pairs", "-h", "127.0.0.1", .. arguments]));
        Assert.Equal($"whimbrel: {text}\n", world.Error);
        Assert.Equal("", world.Output);
    }
}
