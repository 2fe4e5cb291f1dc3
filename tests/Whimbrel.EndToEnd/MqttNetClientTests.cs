using System.Threading.Channels;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd;

/// <summary>What a .NET program with MQTTnet sees.</summary>
public class MqttNetClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static TheoryData<LinkKind, MqttProtocolVersion> All() =>
        new MatrixTheoryData<LinkKind, MqttProtocolVersion>([LinkKind.EventLoop, LinkKind.Pipes], [MqttProtocolVersion.V310, MqttProtocolVersion.V311, MqttProtocolVersion.V500]);

    [Theory]
    [MemberData(nameof(All))]
    public async Task Wildcards_and_large_payloads_of_every_QoS_arrive(LinkKind links, MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using var subscriber = await ConnectAsync(broker, version, "subscriber");
        await using var publisher = await ConnectAsync(broker, version, "publisher");
        await subscriber.SubscribeAsync("home/+/temp");
        foreach (MqttQualityOfServiceLevel qos in Enum.GetValues<MqttQualityOfServiceLevel>())
        {
            byte[] payload = new byte[256 * 1024];
            new Random((int)qos).NextBytes(payload);
            await publisher.PublishAsync("home/kitchen/hum", [1], qos);
            await publisher.PublishAsync("home/kitchen/temp", payload, qos);
            Received received = await subscriber.NextAsync();
            Assert.Equal(("home/kitchen/temp", qos), (received.Topic, received.QoS));
            Assert.True(payload.AsSpan().SequenceEqual(received.Payload));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Retained_messages_come_to_a_new_subscriber_five_thousand_at_once(LinkKind links, MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        for (int i = 0; i < 5000; i++)
            await broker.PublishAsync($"r/{i}", "configuration " + i, retain: true);
        await using var subscriber = await ConnectAsync(broker, version, "subscriber");
        await subscriber.SubscribeAsync("r/#");
        var topics = new HashSet<string>();
        while (topics.Count < 5000)
        {
            Received received = await subscriber.NextAsync();
            Assert.True(received.Retain);
            Assert.True(topics.Add(received.Topic), $"{received.Topic} came twice");
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task The_will_is_published_when_the_client_is_gone_without_a_word(LinkKind links, MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using var watcher = await ConnectAsync(broker, version, "watcher");
        await watcher.SubscribeAsync("status/#");
        // MQTTnet closes without DISCONNECT when it is disposed.
        var victim = await ConnectAsync(broker, version, "victim", options => options.WithWillTopic("status/victim").WithWillPayload("dead"));
        victim.Abandon();
        Assert.Equal("status/victim", (await watcher.NextAsync()).Topic);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_session_is_resumed_with_a_thousand_messages_in_order(LinkKind links, MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using (var first = await ConnectAsync(broker, version, "sleeper", Lasting))
        {
            await first.SubscribeAsync("offline");
            await first.DisconnectAsync();
        }

        for (int i = 0; i < 1000; i++)
            await broker.PublishAsync("offline", i.ToString());
        await using var second = await ConnectAsync(broker, version, "sleeper", Lasting);
        for (int i = 0; i < 1000; i++)
            Assert.Equal(i.ToString(), System.Text.Encoding.UTF8.GetString((await second.NextAsync()).Payload));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_shared_subscription_splits_the_messages(LinkKind links, MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(links);
        await using var one = await ConnectAsync(broker, version, "one");
        await using var two = await ConnectAsync(broker, version, "two");
        await one.SubscribeAsync("$share/group/job");
        await two.SubscribeAsync("$share/group/job");
        for (int i = 0; i < 100; i++)
            await broker.PublishAsync("job", i.ToString());
        // How the work is split is the broker's affair; that it is split, and that nothing is done twice, is not.
        var (ofOne, ofTwo) = (new HashSet<string>(), new HashSet<string>());
        Task<Received> nextOfOne = one.NextAsync();
        Task<Received> nextOfTwo = two.NextAsync();
        while (ofOne.Count + ofTwo.Count < 100)
        {
            if (await Task.WhenAny(nextOfOne, nextOfTwo) == nextOfOne)
            {
                Assert.True(ofOne.Add(System.Text.Encoding.UTF8.GetString((await nextOfOne).Payload)));
                nextOfOne = one.NextAsync();
            }
            else
            {
                Assert.True(ofTwo.Add(System.Text.Encoding.UTF8.GetString((await nextOfTwo).Payload)));
                nextOfTwo = two.NextAsync();
            }
        }

        Assert.False(ofOne.Overlaps(ofTwo));
        Assert.NotEmpty(ofOne);
        Assert.NotEmpty(ofTwo);
    }

    private static void Lasting(MqttClientOptionsBuilder options) => options.WithCleanStart(false).WithSessionExpiryInterval(600);

    private static async Task<Peer> ConnectAsync(BrokerUnderTest broker, MqttProtocolVersion version, string clientId, Action<MqttClientOptionsBuilder>? configure = null)
    {
        MqttClientOptionsBuilder builder = new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", broker.Port).WithClientId(clientId).WithProtocolVersion(version);
        configure?.Invoke(builder);
        MqttClientOptions options = builder.Build();
        if (version != MqttProtocolVersion.V500)
            options.SessionExpiryInterval = 0;
        var peer = new Peer();
        Assert.Equal(MqttClientConnectResultCode.Success, (await peer.Client.ConnectAsync(options, TestContext.Current.CancellationToken)).ResultCode);
        return peer;
    }

    private sealed record Received(string Topic, byte[] Payload, MqttQualityOfServiceLevel QoS, bool Retain);

    private sealed class Peer : IAsyncDisposable
    {
        private readonly Channel<Received> _received = Channel.CreateUnbounded<Received>();

        public Peer()
        {
            Client = new MqttClientFactory().CreateMqttClient();
            Client.ApplicationMessageReceivedAsync += e =>
            {
                MqttApplicationMessage message = e.ApplicationMessage;
                _received.Writer.TryWrite(new Received(message.Topic, System.Buffers.BuffersExtensions.ToArray(message.Payload), message.QualityOfServiceLevel, message.Retain));
                return Task.CompletedTask;
            };
        }

        public IMqttClient Client { get; }

        public Task SubscribeAsync(string filter) => Client.SubscribeAsync(filter, MqttQualityOfServiceLevel.ExactlyOnce, TestContext.Current.CancellationToken);

        public async Task PublishAsync(string topic, byte[] payload, MqttQualityOfServiceLevel qos)
        {
            MqttClientPublishResult result = await Client.PublishAsync(
                new MqttApplicationMessageBuilder().WithTopic(topic).WithPayload(payload).WithQualityOfServiceLevel(qos).Build(),
                TestContext.Current.CancellationToken);
            Assert.True(result.IsSuccess, result.ReasonCode.ToString());
        }

        public async Task<Received> NextAsync()
        {
            using var limit = new CancellationTokenSource(Limit);
            return await _received.Reader.ReadAsync(limit.Token);
        }

        public Task DisconnectAsync() => Client.DisconnectAsync(new MqttClientDisconnectOptions(), TestContext.Current.CancellationToken);

        public void Abandon() => Client.Dispose();

        public ValueTask DisposeAsync()
        {
            Client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
