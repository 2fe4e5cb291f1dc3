using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>What the users of mosquitto_pub and mosquitto_sub see, in all three versions and over both kinds of links.</summary>
public class MosquittoClientTests
{
    public static TheoryData<LinkKind, string> All() => new MatrixTheoryData<LinkKind, string>([LinkKind.EventLoop, LinkKind.Pipes], ["mqttv31", "mqttv311", "mqttv5"]);

    [Theory]
    [MemberData(nameof(All))]
    [Clause("MQTT-4.2.0-1")]
    [Clause311("MQTT-7.1.1-1")]
    public async Task Wildcards_and_every_QoS_arrive(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using ExternalProgram subscriber = await SubscribeAsync(broker, version, "home/+/temp", "home/x/temp");
        await PublishAsync(broker, version, "-t", "home/kitchen/hum", "-m", "no");
        foreach (string qos in new[] { "0", "1", "2" })
        {
            await PublishAsync(broker, version, "-t", "home/kitchen/temp", "-m", "value " + qos, "-q", qos);
            Assert.Equal($"home/kitchen/temp value {qos}", await subscriber.ReadLineAsync());
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_payload_of_256_KB_comes_through_unchanged(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        string file = Path.GetTempFileName();
        try
        {
            string payload = string.Concat(Enumerable.Range(0, 32 * 1024).Select(i => $"{i:x8}"));
            await File.WriteAllTextAsync(file, payload, TestContext.Current.CancellationToken);
            await using ExternalProgram subscriber = await SubscribeAsync(broker, version, "big", "big");
            foreach (string qos in new[] { "0", "1", "2" })
            {
                await PublishAsync(broker, version, "-t", "big", "-f", file, "-q", qos);
                Assert.Equal("big " + payload, await subscriber.ReadLineAsync());
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Retained_messages_are_set_replaced_and_cleared(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await PublishAsync(broker, version, "-t", "r/a", "-m", "first", "-r", "-q", "1");
        await PublishAsync(broker, version, "-t", "r/a", "-m", "second", "-r", "-q", "1");
        await PublishAsync(broker, version, "-t", "r/b", "-m", "gone", "-r", "-q", "1");
        await PublishAsync(broker, version, "-t", "r/b", "-n", "-r", "-q", "1");
        await PublishAsync(broker, version, "-t", "r/c", "-m", "third", "-r", "-q", "1");
        await using ExternalProgram subscriber = Start(broker, version, "r/#", "-C", "2");
        Assert.Equal(["r/a second", "r/c third"], (await subscriber.ReadLinesAsync(2)).Order(StringComparer.Ordinal));
        await subscriber.AssertSuccessAsync();
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task The_will_of_a_killed_client_is_published(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using ExternalProgram watcher = await SubscribeAsync(broker, version, "status/#", "status/ready");
        await using ExternalProgram victim = await SubscribeAsync(broker, version, "other", "other", "--will-topic", "status/victim", "--will-payload", "dead", "--will-qos", "1");
        victim.Kill();
        Assert.Equal("status/victim dead", await watcher.ReadLineAsync());
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_thousand_messages_wait_for_an_absent_session_in_order(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        string[] session = version == "mqttv5" ? ["-i", "sleeper", "-q", "1", "-c", "-x", "600"] : ["-i", "sleeper", "-q", "1", "-c"];
        await using (ExternalProgram first = Start(broker, version, "offline", [.. session, "-C", "1"]))
        {
            // The subscription stands when something has come through it.
            while (!broker.HasSubscriber("sleeper"))
                await PublishAsync(broker, version, "-t", "elsewhere", "-n");
            await PublishAsync(broker, version, "-t", "offline", "-m", "awake", "-q", "1");
            await first.AssertSuccessAsync();
        }

        for (int i = 0; i < 1000; i++)
            await broker.PublishAsync("offline", i.ToString());
        await using ExternalProgram second = Start(broker, version, "offline", [.. session, "-C", "1000"]);
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => "offline " + i), await second.ReadLinesAsync(1000));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_shared_subscription_splits_the_messages(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using ExternalProgram one = Start(broker, version, "$share/group/job", "-i", "one", "-q", "1");
        await using ExternalProgram two = Start(broker, version, "$share/group/job", "-i", "two", "-q", "1");
        while (!broker.HasSubscriber("one") || !broker.HasSubscriber("two"))
            await PublishAsync(broker, version, "-t", "elsewhere", "-n");
        for (int i = 0; i < 200; i++)
            await broker.PublishAsync("job", i.ToString());
        List<(ExternalProgram Program, string Line)> all = await ExternalProgram.ReadLinesAsync(200, one, two);
        Assert.Equal(200, all.Select(item => item.Line).Distinct().Count());
        Assert.InRange(all.Count(item => item.Program == one), 1, 199);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task One_subscriber_gets_five_thousand_retained_messages(LinkKind links, string version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        for (int i = 0; i < 5000; i++)
            await broker.PublishAsync($"home/{i}/config", "configuration " + i, retain: true);
        await using ExternalProgram subscriber = Start(broker, version, "home/#", "-q", "1", "-C", "5000");
        Assert.Equal(5000, (await subscriber.ReadLinesAsync(5000)).Distinct().Count());
        await subscriber.AssertSuccessAsync();
    }

    private static ExternalProgram Start(BrokerUnderTest broker, string version, string filter, params string[] more) =>
        ExternalProgram.Start("mosquitto_sub", ["-h", "127.0.0.1", "-p", broker.Port.ToString(), "-V", version, "-v", "-t", filter, .. more]);

    /// <summary>Starts a subscriber and waits until a retained marker has come through its subscription.</summary>
    private static async Task<ExternalProgram> SubscribeAsync(BrokerUnderTest broker, string version, string filter, string marker, params string[] more)
    {
        await broker.PublishAsync(marker, "ready", retain: true);
        ExternalProgram subscriber = Start(broker, version, filter, ["-q", "2", .. more]);
        Assert.Equal(marker + " ready", await subscriber.ReadLineAsync());
        return subscriber;
    }

    private static Task PublishAsync(BrokerUnderTest broker, string version, params string[] arguments) =>
        ExternalProgram.RunAsync("mosquitto_pub", ["-h", "127.0.0.1", "-p", broker.Port.ToString(), "-V", version, .. arguments]);
}
