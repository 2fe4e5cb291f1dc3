using Microsoft.Extensions.Time.Testing;
using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>What the test broker does wrong, and that the client gets over it.</summary>
public class FaultTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Without_faults_the_test_broker_is_a_broker()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#", new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce });
        byte[] large = new byte[300_000];
        Random.Shared.NextBytes(large);
        await client.PublishAsync("a/large", large, MqttQoS.ExactlyOnce);
        Assert.Equal(large, (await FirstAsync(subscription)).Payload.ToArray());
        Assert.Equal((1, 1, 0), (broker.Connections, broker.Accepted, broker.Dropped));
    }

    [Fact]
    public async Task Dropped_connections_come_back()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        Task back = ClientTests.Next(client, MqttConnectionState.Connected);
        Assert.Equal(1, broker.DropConnections());
        await client.PublishAsync("a/b", "again", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        await back.WaitAsync(Limit);
        Assert.Equal("again", (await FirstAsync(subscription)).GetString());
        Assert.Equal((2, 1), (broker.Accepted, broker.Dropped));
    }

    [Fact]
    public async Task A_connection_is_dropped_after_so_many_bytes_and_nothing_behind_them_arrives()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        await client.ConnectAsync();
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        Task<MqttPublishResult> publish;
        using (broker.DropAfter(100))
        {
            publish = client.PublishAsync("a/b", new byte[1000], MqttQoS.AtLeastOnce).AsTask();
            await lost.WaitAsync(Limit);
            Assert.Equal(0, broker.Broker.Statistics.PublishesReceived);
        }

        await publish.WaitAsync(Limit);
    }

    [Fact]
    public async Task Connections_that_are_dropped_at_random_lose_nothing()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        await client.ConnectAsync();
        using (broker.DropAtRandom(200, 2000, seed: 7))
        {
            for (int i = 0; broker.Dropped < 20; i++)
                await client.PublishAsync("a/b", $"{i}", MqttQoS.ExactlyOnce).AsTask().WaitAsync(Limit);
        }

        await client.PingAsync().WaitAsync(Limit);
        Assert.True(broker.Accepted > 20);
    }

    [Fact]
    public async Task A_half_open_connection_is_found_out_and_replaced()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker, options =>
        {
            options.KeepAlive = TimeSpan.FromSeconds(1);
            options.ResponseTimeout = TimeSpan.FromMilliseconds(200);
            options.Reconnect.AttemptTimeout = TimeSpan.FromMilliseconds(200);
        });
        await client.ConnectAsync();
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        Task<MqttPublishResult> publish;
        using (broker.HalfOpen())
        {
            publish = client.PublishAsync("a/b", "lost at first", MqttQoS.AtLeastOnce).AsTask();
            await lost.WaitAsync(Limit);
            Assert.Equal(1, broker.Broker.Clients.Count(known => known.IsConnected));
            Assert.False(publish.IsCompleted);
        }

        await publish.WaitAsync(Limit);
    }

    [Theory]
    [InlineData(MqttQoS.AtLeastOnce)]
    [InlineData(MqttQoS.ExactlyOnce)]
    public async Task Acknowledgements_wait_until_the_fault_ends_and_everything_else_passes(MqttQoS qos)
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#");
        Task<MqttPublishResult>[] publishes;
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            publishes = [.. Enumerable.Range(0, 10).Select(i => client.PublishAsync($"a/{i}", "x", qos).AsTask())];
            // Each answer shows that what the broker had to say before has been said: time for PUBREC, PUBREL and PUBCOMP.
            for (int i = 0; i < 3; i++)
                await client.PingAsync().WaitAsync(Limit);
            if (qos == MqttQoS.AtLeastOnce)
                Assert.Equal("a/0", (await FirstAsync(subscription)).Topic);
            Assert.DoesNotContain(publishes, publish => publish.IsCompleted);
        }

        await Task.WhenAll(publishes).WaitAsync(Limit);
    }

    [Fact]
    public async Task Acknowledgements_are_as_late_as_the_clock_says()
    {
        var time = new FakeTimeProvider();
        await using TestBroker broker = await TestBroker.StartAsync(options => options.TimeProvider = time);
        await using MqttClient client = New(broker);
        await client.ConnectAsync();
        using IDisposable fault = broker.DelayAcknowledgements(TimeSpan.FromSeconds(5));
        Task<MqttPublishResult> publish = client.PublishAsync("a/b", "x", MqttQoS.AtLeastOnce).AsTask();
        await client.PingAsync().WaitAsync(Limit);
        time.Advance(TimeSpan.FromSeconds(4));
        await client.PingAsync().WaitAsync(Limit);
        Assert.False(publish.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        await publish.WaitAsync(Limit);
    }

    [Fact]
    public async Task Forgotten_sessions_are_told_and_made_again()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker, options => options.SessionExpiry = TimeSpan.FromHours(1));
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        var lost = new TaskCompletionSource<bool>();
        client.ConnectionStateChanged += (_, change) =>
        {
            // The first connection's event may come as late as this.
            if (change.Previous == MqttConnectionState.Reconnecting)
                lost.TrySetResult(change.SessionLost);
        };
        await broker.ForgetSessionsAsync();
        Assert.True(await lost.Task.WaitAsync(Limit));
        await client.PublishAsync("a/b", "once more", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        Assert.Equal("once more", (await FirstAsync(subscription)).GetString());
    }

    [Fact]
    public async Task Denied_connections_learn_the_reason()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using MqttClient client = New(broker);
        using (broker.DenyConnections(ReasonCode.NotAuthorized))
        {
            MqttConnectException refused = await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync());
            Assert.Equal(ReasonCode.NotAuthorized, refused.ReasonCode);
        }

        await client.ConnectAsync().WaitAsync(Limit);
        Assert.Throws<ArgumentException>(() => broker.DenyConnections(ReasonCode.Success));
    }

    private static async Task<MqttMessage> FirstAsync(MqttSubscription subscription)
    {
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        return messages.Current;
    }

    private static MqttClient New(TestBroker broker, Action<MqttClientOptions>? configure = null)
    {
        var options = new MqttClientOptions
        {
            Endpoints = { broker.Uri },
            Reconnect = { DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(20) },
        };
        configure?.Invoke(options);
        return new MqttClient(options);
    }
}
