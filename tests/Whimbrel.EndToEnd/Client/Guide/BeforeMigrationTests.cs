using System.Buffers;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;
using Whimbrel.Broker;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>What the migration page says about MQTTnet 5, held against the package.</summary>
public class BeforeMigrationTests : GuideTests
{
    [Fact]
    public async Task Connect_and_publish()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        int port = broker.Port;

        // snippet: mqttnet-publish
        using IMqttClient client = new MqttClientFactory().CreateMqttClient();
        MqttClientOptions options = new MqttClientOptionsBuilder()
            .WithTcpServer("127.0.0.1", port)
            .WithClientId("panel")
            .Build();
        MqttClientConnectResult connected = await client.ConnectAsync(options);
        if (connected.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"refused: {connected.ResultCode}");
        MqttClientPublishResult published = await client.PublishStringAsync(
            "home/kitchen/temp", "21.5", MqttQualityOfServiceLevel.AtLeastOnce, retain: true);
        if (!published.IsSuccess)
            throw new InvalidOperationException($"refused: {published.ReasonCode}");
        await client.DisconnectAsync();
        // end

        Assert.Equal("21.5", (await FirstAsync(broker, "home/kitchen/temp")).GetString());
    }

    [Fact]
    public async Task Subscribe()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IMqttClient client = await ConnectAsync(broker);

        // snippet: mqttnet-subscribe
        client.ApplicationMessageReceivedAsync += e =>
        {
            MqttApplicationMessage message = e.ApplicationMessage;
            Console.WriteLine($"{message.Topic}: {message.ConvertPayloadToString()}");
            return Task.CompletedTask;
        };
        await client.SubscribeAsync("home/+/temp", MqttQualityOfServiceLevel.AtLeastOnce);
        // end

        await broker.Broker.PublishAsync("home/kitchen/temp", "21.5"u8.ToArray(), QoS.AtLeastOnce);
        Assert.Equal("home/kitchen/temp: 21.5", await Console.NextAsync());
    }

    [Fact]
    public async Task Reconnect_and_subscribe_again()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IMqttClient client = await ConnectAsync(broker);
        client.ApplicationMessageReceivedAsync += e =>
        {
            Console.WriteLine(e.ApplicationMessage.ConvertPayloadToString());
            return Task.CompletedTask;
        };
        using var delays = new SemaphoreSlim(0);
        Func<Task> waitAsync = () => delays.WaitAsync();

        // snippet: mqttnet-reconnect
        client.ConnectedAsync += async _ => await client.SubscribeAsync("home/+/temp", MqttQualityOfServiceLevel.AtLeastOnce);
        client.DisconnectedAsync += async _ =>
        {
            while (!client.IsConnected)
            {
                await waitAsync();
                try
                {
                    await client.ReconnectAsync();
                }
                catch (MqttCommunicationException)
                {
                    // and again
                }
            }
        };
        // end

        broker.DropConnections();
        delays.Release(10);
        AwaitSubscriber(broker);
        await broker.Broker.PublishAsync("home/kitchen/temp", "22"u8.ToArray(), QoS.AtLeastOnce);
        Assert.Equal("22", await Console.NextAsync());
    }

    [Fact]
    public async Task Acknowledge_later()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IMqttClient client = await ConnectAsync(broker);
        var saving = new TaskCompletionSource();
        Func<byte[], Task> saveAsync = _ => saving.Task;

        // snippet: mqttnet-manual
        client.ApplicationMessageReceivedAsync += e =>
        {
            e.AutoAcknowledge = false;
            _ = Task.Run(async () =>
            {
                await saveAsync(e.ApplicationMessage.Payload.ToArray());
                await e.AcknowledgeAsync(CancellationToken.None);
            });
            return Task.CompletedTask;
        };
        // end

        await client.SubscribeAsync("jobs/#", MqttQualityOfServiceLevel.AtLeastOnce);
        await broker.Broker.PublishAsync("jobs/1", "x"u8.ToArray(), QoS.AtLeastOnce);
        await client.PingAsync();
        Assert.Equal(1, broker.Broker.Clients.Single().InFlight);
        saving.SetResult();
        Assert.True(SpinWait.SpinUntil(() => broker.Broker.Clients.Single().InFlight == 0, Limit));
    }

    [Fact]
    public async Task A_will_and_a_session()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        int port = broker.Port;

        // snippet: mqttnet-will
        MqttClientOptions options = new MqttClientOptionsBuilder()
            .WithTcpServer("127.0.0.1", port)
            .WithClientId("device-7")
            .WithCleanStart(false)
            .WithSessionExpiryInterval(3600)
            .WithWillTopic("devices/7/status")
            .WithWillPayload("lost")
            .WithWillRetain()
            .Build();
        // end

        IMqttClient client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(options);
        await using var watcher = new Whimbrel.Client.MqttClient(broker.Uri);
        await using Whimbrel.Client.MqttSubscription status = await watcher.OpenSubscriptionAsync("devices/#");
        client.Dispose();
        Assert.Equal("lost", (await NextAsync(status)).GetString());
        Assert.Contains(broker.Broker.Clients, known => known.ClientId == "device-7" && !known.IsConnected);
    }

    [Fact]
    public async Task What_is_refused_is_a_result()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Authorizer = new NobodyPublishes());
        using (broker.DenyConnections(ReasonCode.BadUserNameOrPassword))
        {
            using IMqttClient refused = new MqttClientFactory().CreateMqttClient();
            MqttClientConnectResult result = await refused.ConnectAsync(Options(broker));
            Assert.Equal(MqttClientConnectResultCode.BadUserNameOrPassword, result.ResultCode);
        }

        using IMqttClient client = await ConnectAsync(broker);
        MqttClientPublishResult published = await client.PublishStringAsync("a", "b", MqttQualityOfServiceLevel.AtLeastOnce);
        Assert.Equal((false, MqttClientPublishReasonCode.NotAuthorized), (published.IsSuccess, published.ReasonCode));
    }

    [Fact]
    public async Task A_message_under_way_fails_with_its_connection()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IMqttClient client = await ConnectAsync(broker);
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            Task publishing = client.PublishStringAsync("a", "b", MqttQualityOfServiceLevel.AtLeastOnce);
            await client.PingAsync();
            broker.DropConnections();
            await Assert.ThrowsAnyAsync<MqttCommunicationException>(() => publishing.WaitAsync(Limit));
        }

        await Assert.ThrowsAsync<MqttClientNotConnectedException>(() => client.PublishStringAsync("a", "b", MqttQualityOfServiceLevel.AtLeastOnce));
    }

    [Fact]
    public async Task A_message_whose_handler_throws_is_not_acknowledged()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IMqttClient client = await ConnectAsync(broker);
        client.ApplicationMessageReceivedAsync += e =>
        {
            Console.WriteLine("asked");
            throw new InvalidDataException();
        };
        await client.SubscribeAsync("a", MqttQualityOfServiceLevel.AtLeastOnce);
        await broker.Broker.PublishAsync("a", "x"u8.ToArray(), QoS.AtLeastOnce);
        Assert.Equal("asked", await Console.NextAsync());
        await client.PingAsync();
        Assert.Equal(1, broker.Broker.Clients.Single().InFlight);
    }

    private static MqttClientOptions Options(TestBroker broker) => new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", broker.Port).Build();

    private static async Task<IMqttClient> ConnectAsync(TestBroker broker)
    {
        IMqttClient client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(Options(broker));
        return client;
    }

    private sealed class NobodyPublishes : IAuthorizer
    {
        public Verdict Authorize(ref AccessRequest request) => request.Action == AccessAction.Publish ? Verdict.Denied : Verdict.Allowed;
    }
}
