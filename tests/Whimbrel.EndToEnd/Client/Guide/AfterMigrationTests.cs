using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>What the migration page puts in the place of MQTTnet's.</summary>
public class AfterMigrationTests : GuideTests
{
    [Fact]
    public async Task Connect_and_publish()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;

        {
            // snippet: whimbrel-publish
            await using var client = new MqttClient(new MqttClientOptions { Endpoints = { address }, ClientId = "panel" });
            await client.PublishAsync("home/kitchen/temp", "21.5", MqttQoS.AtLeastOnce, retain: true);
            // end
        }

        Assert.Equal("21.5", (await FirstAsync(broker, "home/kitchen/temp")).GetString());
    }

    [Fact]
    public async Task Subscribe_and_go_on_after_everything_was_lost()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);

        // snippet: whimbrel-subscribe
        await client.OpenSubscriptionAsync(
            "home/+/temp",
            (message, stop) =>
            {
                Console.WriteLine($"{message.Topic}: {message.GetString()}");
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        // end

        await broker.ForgetSessionsAsync();
        AwaitSubscriber(broker);
        await broker.Broker.PublishAsync("home/kitchen/temp", "22"u8.ToArray(), QoS.AtLeastOnce);
        Assert.Equal("home/kitchen/temp: 22", await Console.NextAsync());
    }

    [Fact]
    public async Task Acknowledge_later()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var saving = new TaskCompletionSource();
        Func<byte[], Task> saveAsync = _ => saving.Task;

        // snippet: whimbrel-manual
        await client.OpenSubscriptionAsync(
            "jobs/#",
            (message, stop) =>
            {
                _ = Task.Run(
                    async () =>
                    {
                        await saveAsync(message.Payload.ToArray());
                        await message.AcknowledgeAsync();
                    },
                    stop);
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, AckMode = MqttAckMode.Manual });
        // end

        await broker.Broker.PublishAsync("jobs/1", "x"u8.ToArray(), QoS.AtLeastOnce);
        await client.PingAsync().WaitAsync(Limit);
        Assert.Equal(1, broker.Broker.Clients.Single().InFlight);
        saving.SetResult();
        Assert.True(SpinWait.SpinUntil(() => broker.Broker.Clients.Single().InFlight == 0, Limit));
    }

    [Fact]
    public async Task A_will_and_a_session()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;

        // snippet: whimbrel-will
        var options = new MqttClientOptions
        {
            Endpoints = { address },
            ClientId = "device-7",
            SessionExpiry = TimeSpan.FromHours(1),
            Will = new MqttWill { Topic = "devices/7/status", Payload = "lost"u8.ToArray(), Retain = true },
        };
        // end

        await using var watcher = new MqttClient(address);
        await using MqttSubscription status = await watcher.OpenSubscriptionAsync("devices/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using (var polite = new MqttClient(options))
            await polite.ConnectAsync().WaitAsync(Limit);
        await watcher.PublishAsync("devices/7/fence", "no will until here", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        Assert.Equal("no will until here", (await NextAsync(status)).GetString());
        Assert.Contains(broker.Broker.Clients, known => known.ClientId == "device-7" && !known.IsConnected);
        var rude = new MqttClient(options);
        Assert.True((await rude.ConnectAsync().WaitAsync(Limit)).SessionPresent);
        await rude.AbortAsync();
        Assert.Equal("lost", (await NextAsync(status)).GetString());
    }

    [Fact]
    public async Task A_message_under_way_survives_its_connection()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await client.ConnectAsync().WaitAsync(Limit);
        Task<MqttPublishResult> publishing;
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            publishing = client.PublishAsync("a", "b", MqttQoS.AtLeastOnce).AsTask();
            await client.PingAsync().WaitAsync(Limit);
            broker.DropConnections();
        }

        Assert.Equal(ReasonCode.NoMatchingSubscribers, (await publishing.WaitAsync(Limit)).ReasonCode);
        Assert.Equal(2, broker.Accepted);
    }
}
