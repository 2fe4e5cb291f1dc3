using System.Text;
using System.Threading.Channels;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

public class EndToEndTests
{
    private const string Subscribed = "subscribed to";

    [Theory]
    [InlineData("31", "0")]
    [InlineData("31", "1")]
    [InlineData("31", "2")]
    [InlineData("311", "0")]
    [InlineData("311", "1")]
    [InlineData("311", "2")]
    [InlineData("5", "0")]
    [InlineData("5", "1")]
    [InlineData("5", "2")]
    public async Task What_pub_publishes_sub_prints(string version, string qos)
    {
        await using var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "-V", version, "-q", qos, "-C", "4", "-v", "home/+");
        await sub.SaysAsync(Subscribed);

        using var one = new ToolWorld();
        Assert.Equal(0, await one.RunAsync("pub", "-p", broker.Port, "-V", version, "-q", qos, "home/one", "hello world"));
        using var lines = new ToolWorld { Input = "a\n\nlast" };
        Assert.Equal(0, await lines.RunAsync("pub", "-p", broker.Port, "-V", version, "-q", qos, "-t", "home/lines", "-l"));

        Assert.Equal(0, await receiving);
        Assert.Equal("home/one hello world\nhome/lines a\nhome/lines \nhome/lines last\n", sub.Output);
        Assert.Equal("", one.Error + lines.Error + one.Output + lines.Output);
    }

    [Theory]
    [InlineData(LinkKind.Auto)]
    [InlineData(LinkKind.Pipes)]
    public async Task Thousands_of_lines_arrive_in_order(LinkKind links)
    {
        await using var broker = await RunningBroker.StartAsync(new BrokerOptions { OutboxMessagesMax = 1_000_000 }, links);
        string input = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"line {i}\n"));
        foreach (string qos in new[] { "0", "1", "2" })
        {
            using var sub = new ToolWorld();
            var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "-q", qos, "-C", "20000", "load", "--quiet");
            await sub.SaysAsync(Subscribed);
            using var pub = new ToolWorld { Input = input };
            Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", qos, "load", "-l"));
            Assert.Equal(0, await receiving);
            Assert.Equal(input, sub.Output);
        }
    }

    [Fact]
    public async Task A_payload_of_a_file_arrives_byte_for_byte()
    {
        await using var broker = await RunningBroker.StartAsync();
        string path = Path.GetTempFileName();
        try
        {
            byte[] payload = new byte[256 * 1024];
            new Random(5).NextBytes(payload);
            await File.WriteAllBytesAsync(path, payload);
            using var pub = new ToolWorld();
            Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", "2", "-r", "big", "-f", path));
            using var sub = new ToolWorld();
            Assert.Equal(0, await sub.RunAsync("sub", "-p", broker.Port, "-q", "2", "big", "-C", "1", "-F", "%r %l %x"));
            Assert.Equal($"1 {payload.Length} {Convert.ToHexStringLower(payload)}\n", sub.Output);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Properties_go_through()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "-C", "1", "a", "-F", "%S|%C|%R|%D|%P|%F|%E", "-D", "subscribe", "subscription-identifier", "9");
        await sub.SaysAsync(Subscribed);
        using var pub = new ToolWorld();
        Assert.Equal(0, await pub.RunAsync(
            "pub", "-p", broker.Port, "a", "b", "-D", "publish", "content-type", "text/plain", "-D", "publish", "response-topic", "r/t", "-D", "publish", "correlation-data", "c",
            "-D", "publish", "user-property", "k", "v", "-D", "publish", "user-property", "k", "w", "-D", "publish", "payload-format-indicator", "1", "-D", "publish", "message-expiry-interval", "100"));
        Assert.Equal(0, await receiving);
        Assert.Equal("9|text/plain|r/t|c|k:v k:w|1|100\n", sub.Output);
    }

    [Fact]
    public async Task A_session_that_was_left_behind_holds_what_came_meanwhile()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var first = new ToolWorld();
        Assert.Equal(0, await first.RunAsync("sub", "-p", broker.Port, "-i", "keeper", "-c", "-q", "1", "kept", "-E"));
        using var pub = new ToolWorld { Input = "1\n2\n3\n" };
        Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", "1", "kept", "-l"));

        // What -C does not take stays in the session.
        using var second = new ToolWorld();
        Assert.Equal(0, await second.RunAsync("sub", "-p", broker.Port, "-i", "keeper", "-c", "-q", "1", "kept", "-C", "2"));
        Assert.Equal("1\n2\n", second.Output);
        using var third = new ToolWorld();
        Assert.Equal(0, await third.RunAsync("sub", "-p", broker.Port, "-i", "keeper", "-c", "-q", "1", "kept", "-C", "1"));
        Assert.Equal("3\n", third.Output);
    }

    [Fact]
    public async Task Retained_messages_are_shown_alone_and_removed()
    {
        await using var broker = await RunningBroker.StartAsync();
        foreach (string topic in new[] { "r/1", "r/2", "r/3" })
        {
            using var pub = new ToolWorld();
            Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", "1", "-r", topic, "x"));
        }

        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "r/+", "end", "--retained-only", "--remove-retained", "-v", "-T", "r/2");
        await sub.PrintsAsync("r/3");
        using (var end = new ToolWorld())
            Assert.Equal(0, await end.RunAsync("pub", "-p", broker.Port, "end", "x"));
        Assert.Equal(0, await receiving);
        Assert.Equal(["r/1 x", "r/3 x"], sub.Output.Trim().Split('\n').Order());

        using var after = new ToolWorld();
        Assert.Equal(0, await after.RunAsync("sub", "-p", broker.Port, "r/+", "-C", "1", "-F", "%t"));
        Assert.Equal("r/2\n", after.Output);
    }

    [Fact]
    public async Task Repeated_messages_are_published_as_often_as_said()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "a", "-C", "3", "-N");
        await sub.SaysAsync(Subscribed);
        using var pub = new ToolWorld { Input = "x" };
        Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "-q", "1", "a", "-s", "--repeat", "3"));
        Assert.Equal(0, await receiving);
        Assert.Equal("xxx", sub.Output);
    }

    [Fact]
    public async Task A_time_limit_ends_sub_with_5_or_with_mosquitto_s_27()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        Assert.Equal(5, await sub.RunAsync("sub", "-p", broker.Port, "a", "-W", "0.05", "-C", "2"));
        Assert.Equal("whimbrel: 0 of 2 messages within 0.05 seconds\n", sub.Error);
        Assert.Equal(27, await sub.RunAsync("sub", "-p", broker.Port, "a", "-W", "0.05", "--mosquitto-exit-codes"));
    }

    [Fact]
    public async Task An_interrupt_ends_sub_and_pub_with_130_and_without_a_will()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var watcher = new ToolWorld();
        var watching = watcher.RunAsync("sub", "-d", "-p", broker.Port, "will", "end", "-C", "1", "-v");
        await watcher.SaysAsync(Subscribed);

        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "a", "--will-topic", "will", "--will-payload", "gone");
        await sub.SaysAsync(Subscribed);
        sub.Interrupt();
        Assert.Equal(130, await receiving);

        using var endless = new GrowingInput();
        using var pub = new ToolWorld { InputStream = endless };
        var publishing = pub.RunAsync("pub", "-d", "-p", broker.Port, "a", "-l", "--will-topic", "will");
        await endless.IsRead;
        pub.Interrupt();
        Assert.Equal(130, await publishing);

        using var end = new ToolWorld();
        Assert.Equal(0, await end.RunAsync("pub", "-p", broker.Port, "end", "x"));
        Assert.Equal(0, await watching);
        Assert.Equal("end x\n", watcher.Output);
    }

    [Fact]
    public async Task The_broker_s_end_is_told_with_its_reason_and_sub_and_pub_l_go_on_with_the_next()
    {
        var broker = await RunningBroker.StartAsync();
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-p", broker.Port, "-q", "1", "a", "-C", "2");
        using var lines = new GrowingInput();
        using var pub = new ToolWorld { InputStream = lines };
        var publishing = pub.RunAsync("pub", "-p", broker.Port, "-q", "1", "-r", "a", "-l");
        lines.Add("before\n");
        await sub.PrintsAsync("before");
        await broker.DisposeAsync();
        string reason = $"whimbrel: mqtt://localhost:{broker.Port} closed the connection: Server shutting down (0x8B): the broker is stopping; connecting again\n";
        await sub.SaysAsync(reason);
        await pub.SaysAsync(reason);
        lines.Add("after\n");
        await using var next = await RunningBroker.StartAsync(port: broker.Port);
        Assert.Equal(0, await receiving);
        Assert.Equal("before\nafter\n", sub.Output);
        await sub.SaysAsync($"whimbrel: connected to mqtt://localhost:{broker.Port} again; it had forgotten the session, so messages may be missing\n");
        lines.End();
        Assert.Equal(0, await publishing);
    }

    [Fact]
    public async Task One_message_is_not_tried_again_when_the_connection_is_lost()
    {
        await using var broker = await RunningBroker.StartAsync();
        using var input = new GrowingInput();
        using var pub = new ToolWorld { InputStream = input };
        var publishing = pub.RunAsync("pub", "-p", broker.Port, "-i", "same", "a", "-s");
        await input.IsRead;
        using var other = new ToolWorld();
        Assert.Equal(0, await other.RunAsync("pub", "-p", broker.Port, "-i", "same", "a", "x"));
        Assert.Equal(1, await publishing);
        Assert.StartsWith($"whimbrel: mqtt://localhost:{broker.Port} closed the connection: Session taken over (0x8E)", pub.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_broker_does_not_grant_is_a_refusal_with_name_and_number()
    {
        await using var broker = await RunningBroker.StartAsync(new BrokerOptions
        {
            MaximumQoS = QoS.AtMostOnce,
            RetainAvailable = false,
            WildcardSubscriptionAvailable = false,
            MaximumPacketSize = 1000,
            ConnectPacketSizeMax = 1000,
            ClientIdLengthMax = 10,
        });
        string at = $"mqtt://localhost:{broker.Port}";

        using var qos = new ToolWorld();
        Assert.Equal(4, await qos.RunAsync("pub", "-p", broker.Port, "-q", "1", "a", "b"));
        Assert.Equal("whimbrel: The message to 'a' cannot be sent: QoS not supported (0x9B): the server takes up to QoS 0: use -q 0\n", qos.Error);

        using var retain = new ToolWorld();
        Assert.Equal(4, await retain.RunAsync("pub", "-p", broker.Port, "-r", "a", "b"));
        Assert.Equal("whimbrel: The message to 'a' cannot be sent: Retain not supported (0x9A): the server takes no retained messages\n", retain.Error);

        using var size = new ToolWorld();
        Assert.Equal(4, await size.RunAsync("pub", "-p", broker.Port, "a", new string('x', 2000)));
        Assert.StartsWith("whimbrel: The message to 'a' cannot be sent: Packet too large (0x95): the server takes packets of at most 1000 bytes\n", size.Error, StringComparison.Ordinal);

        using var wildcard = new ToolWorld();
        Assert.Equal(4, await wildcard.RunAsync("sub", "-p", broker.Port, "a/#"));
        Assert.Equal($"whimbrel: The server refused the subscription to 'a/#': Wildcard Subscriptions not supported (0xA2)\n", wildcard.Error);

        using var id = new ToolWorld();
        Assert.Equal(4, await id.RunAsync("pub", "-p", broker.Port, "-i", "longer-than-ten", "a", "b"));
        Assert.StartsWith($"whimbrel: {at} refused the connection: Client Identifier not valid (0x85)", id.Error, StringComparison.Ordinal);
        Assert.Equal(133, await id.RunAsync("pub", "-p", broker.Port, "-i", "longer-than-ten", "a", "b", "--mosquitto-exit-codes"));
        Assert.Equal(2, await id.RunAsync("pub", "-p", broker.Port, "-V", "311", "-i", "longer-than-ten", "a", "b", "--mosquitto-exit-codes"));
    }

    [Fact]
    public async Task A_subscription_that_is_refused_beside_others_is_told_and_the_others_go_on()
    {
        await using var broker = await RunningBroker.StartAsync(new BrokerOptions { WildcardSubscriptionAvailable = false });
        using var sub = new ToolWorld();
        var receiving = sub.RunAsync("sub", "-d", "-p", broker.Port, "a/#", "b", "-C", "1");
        await sub.SaysAsync($"{Subscribed} 'b'");
        using var pub = new ToolWorld();
        Assert.Equal(0, await pub.RunAsync("pub", "-p", broker.Port, "b", "x"));
        Assert.Equal(0, await receiving);
        Assert.Contains("refused the subscription to 'a/#'", sub.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_there_is_3_with_the_place_and_the_cause()
    {
        using var world = new ToolWorld();
        Assert.Equal(3, await world.RunAsync("pub", "-h", "127.0.0.1", "-p", "1", "a", "b"));
        Assert.Equal("whimbrel: mqtt://127.0.0.1:1 cannot be reached: connection refused: nothing listens on that port\n", world.Error);
        using var unix = new ToolWorld();
        Assert.Equal(3, await unix.RunAsync("sub", "--unix", "/nonexistent/w.sock", "a"));
        Assert.Equal("whimbrel: unix:///nonexistent/w.sock cannot be reached: there is no such socket\n", unix.Error);
        using var quiet = new ToolWorld();
        Assert.Equal(3, await quiet.RunAsync("pub", "-h", "127.0.0.1", "-p", "1", "a", "b", "--quiet"));
        Assert.Equal("", quiet.Error);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_found_before_the_broker_is_asked()
    {
        using var world = new ToolWorld();
        Assert.Equal(2, await world.RunAsync("pub", "-p", "1", "a", "-f", "/nonexistent"));
        Assert.Equal("whimbrel: -f /nonexistent: there is no such file\n", world.Error);
    }

    [Fact]
    public async Task Wrong_usage_is_2_and_says_where_help_is()
    {
        using var world = new ToolWorld();
        Assert.Equal(2, await world.RunAsync("sub", "-q", "5"));
        Assert.Equal(
            "whimbrel: which topics? whimbrel sub FILTER..., such as 'sensors/#'\nwhimbrel: -q must be 0, 1 or 2, not '5'\nwhimbrel: see whimbrel sub --help\n".Split('\n').Order(),
            world.Error.Split('\n').Order());
    }

    /// <summary>Standard input that somebody types on.</summary>
    private sealed class GrowingInput : MemoryStream
    {
        private readonly TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Channel<string> _typed = Channel.CreateUnbounded<string>();

        public Task IsRead => _read.Task;

        public void Add(string text) => _typed.Writer.TryWrite(text);

        public void End() => _typed.Writer.Complete();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // As reading a terminal, it cannot be cancelled.
            _read.TrySetResult();
            return await _typed.Reader.WaitToReadAsync(CancellationToken.None) && _typed.Reader.TryRead(out string? text)
                ? Encoding.UTF8.GetBytes(text, buffer.Span)
                : 0;
        }
    }
}
