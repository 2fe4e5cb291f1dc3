using System.Text;
using Whimbrel.Client;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>The client library against the broker, over real sockets.</summary>
public class ClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static TheoryData<MqttProtocolVersion, MqttQoS> All() =>
        new MatrixTheoryData<MqttProtocolVersion, MqttQoS>([MqttProtocolVersion.Mqtt50, MqttProtocolVersion.Mqtt311], Enum.GetValues<MqttQoS>());

    [Theory]
    [MemberData(nameof(All))]
    public async Task What_one_publishes_another_reads(MqttProtocolVersion version, MqttQoS qos)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient subscriber = New(broker, version);
        await using MqttClient publisher = New(broker, version);
        await using MqttSubscription subscription = await subscriber.OpenSubscriptionAsync("home/+/temp", new MqttSubscribeOptions { QoS = qos });
        for (int i = 0; i < 2000; i++)
            await publisher.PublishAsync($"home/room{i % 7}/temp", $"{i}", qos);
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        for (int i = 0; i < 2000 && qos != MqttQoS.AtMostOnce; i++)
        {
            Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
            Assert.Equal(($"home/room{i % 7}/temp", $"{i}", qos), (messages.Current.Topic, messages.Current.GetString(), messages.Current.QoS));
        }

        if (qos == MqttQoS.AtMostOnce)
        {
            Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
            Assert.StartsWith("home/room", messages.Current.Topic, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_handler_gets_every_message_and_may_publish_and_subscribe()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = New(broker);
        var done = new TaskCompletionSource();
        int count = 0;
        await using MqttSubscription answers = await client.OpenSubscriptionAsync("answers", (message, _) =>
        {
            if (Interlocked.Increment(ref count) == 100)
                done.SetResult();
            return ValueTask.CompletedTask;
        });
        await using MqttSubscription orders = await client.OpenSubscriptionAsync(
            "orders/#",
            async (message, stop) =>
            {
                await using MqttSubscription inner = await client.OpenSubscriptionAsync($"inner/{message.GetString()}", cancellationToken: stop);
                await client.PublishAsync("answers", message.Payload, MqttQoS.ExactlyOnce, cancellationToken: stop);
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, MaxConcurrentCalls = 4 });
        for (int i = 0; i < 100; i++)
            await client.PublishAsync($"orders/{i % 3}", $"{i}", MqttQoS.AtLeastOnce);
        await done.Task.WaitAsync(Limit);
    }

    [Fact]
    public async Task Programs_that_block_where_they_are_told_hold_nobody_up_for_good()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = New(broker);
        await client.ConnectAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(n => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                await client.PublishAsync($"t/{n}", "awaited", MqttQoS.AtLeastOnce);
#pragma warning disable xUnit1031 // Blocking is what this is about.
                Assert.True(client.PublishAsync($"t/{n}", "blocking", MqttQoS.ExactlyOnce).AsTask().Wait(Limit));
#pragma warning restore xUnit1031
            }
        }))).WaitAsync(Limit);
        Assert.Equal(80, broker.Statistics.PublishesReceived);
    }

    [Fact]
    public async Task After_a_lost_connection_everything_goes_on()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = New(broker, clientId: "phoenix");
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        for (int round = 0; round < 5; round++)
        {
            Task reconnected = Next(client, MqttConnectionState.Connected);
            Assert.True(await broker.Broker.DisconnectAsync("phoenix"));
            await client.PublishAsync($"a/{round}", "still here", MqttQoS.ExactlyOnce).AsTask().WaitAsync(Limit);
            await reconnected.WaitAsync(Limit);
        }

        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        for (int round = 0; round < 5; round++)
        {
            Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
            Assert.Equal($"a/{round}", messages.Current.Topic);
        }
    }

    [Fact]
    public async Task A_broker_that_has_forgotten_the_session_gets_the_subscriptions_again_and_one_event_says_so()
    {
        int port;
        var events = new List<MqttConnectionStateChangedEventArgs>();
        MqttClient client;
        MqttSubscription subscription;
        await using (BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes))
        {
            port = broker.Port;
            client = New(broker);
            client.ConnectionStateChanged += (_, change) => events.Add(change);
            subscription = await client.OpenSubscriptionAsync("a/#");
        }

        Task back = Next(client, MqttConnectionState.Connected);
        await using BrokerUnderTest other = await BrokerUnderTest.StartAsync(LinkKind.Pipes, configure: options =>
        {
            options.Listen.Clear();
            options.Listen.Add($"mqtt://127.0.0.1:{port}");
        });
        await back.WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
        await other.PublishAsync("a/b", "again");
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        Assert.Equal("again", messages.Current.GetString());
        await client.DisposeAsync();
        Assert.Single(events, change => change.SessionLost);
    }

    [Fact]
    public async Task Disposing_says_farewell_so_that_the_will_is_not_published_and_aborting_does_not()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient watcher = New(broker);
        await using MqttSubscription wills = await watcher.OpenSubscriptionAsync("will/#");
        MqttClient polite = New(broker, will: "will/polite");
        await polite.ConnectAsync();
        await polite.DisposeAsync();
        MqttClient rude = New(broker, will: "will/rude");
        await rude.ConnectAsync();
        await rude.AbortAsync();
        await using IAsyncEnumerator<MqttMessage> messages = wills.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        Assert.Equal("will/rude", messages.Current.Topic);
    }

    [Fact]
    public async Task Enqueued_messages_are_delivered_when_there_is_a_connection_again()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("q", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        MqttDeliveryHandle handle = await client.EnqueueAsync("q", "one");
        await client.FlushAsync().WaitAsync(Limit);
        Assert.Equal(ReasonCode.Success, (await handle.Completion.WaitAsync(Limit)).ReasonCode);
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        Assert.Equal("one", messages.Current.GetString());
    }

    [Fact]
    public async Task Raw_subscribers_see_the_bytes()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = New(broker);
        var seen = new TaskCompletionSource<string>();
        int count = 0;
        await using IAsyncDisposable raw = await client.SubscribeRawAsync("raw/+", (in MqttMessageView message) =>
        {
            if (++count == 500)
                seen.SetResult($"{message.Topic} {Encoding.UTF8.GetString(message.Payload)}");
        });
        for (int i = 1; i <= 500; i++)
            await client.PublishAsync("raw/bytes", $"{i}");
        Assert.Equal("raw/bytes 500", await seen.Task.WaitAsync(Limit));
    }

    internal static MqttClient New(BrokerUnderTest broker, MqttProtocolVersion version = MqttProtocolVersion.Auto, string? clientId = null, string? will = null) => new(
        new MqttClientOptions
        {
            Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" },
            ProtocolVersion = version,
            ClientId = clientId,
            Will = will is null ? null : new MqttWill { Topic = will },
        });

    internal static Task Next(MqttClient client, MqttConnectionState state)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        client.ConnectionStateChanged += (_, change) =>
        {
            if (change.State == state)
                reached.TrySetResult();
        };
        return reached.Task;
    }
}
