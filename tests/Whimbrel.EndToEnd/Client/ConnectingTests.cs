using System.Net;
using System.Net.Sockets;
using Whimbrel.Client;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>How a client comes to a connection, and when it gives up.</summary>
public class ConnectingTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_client_whose_place_was_taken_does_not_come_back()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient first = ClientTests.New(broker, clientId: "same");
        var events = new List<MqttConnectionState>();
        first.ConnectionStateChanged += (_, change) => events.Add(change.State);
        await first.ConnectAsync();
        Task faulted = ClientTests.Next(first, MqttConnectionState.Faulted);
        await using MqttClient second = ClientTests.New(broker, clientId: "same");
        await second.ConnectAsync();
        await faulted.WaitAsync(Limit);
        Assert.Equal([MqttConnectionState.Connecting, MqttConnectionState.Connected, MqttConnectionState.Faulted], events);
        var refusal = await Assert.ThrowsAsync<MqttNotConnectedException>(() => first.PublishAsync("a", "b", MqttQoS.AtLeastOnce).AsTask());
        Assert.Equal(ReasonCode.SessionTakenOver, Assert.IsType<MqttConnectException>(refusal.InnerException).ReasonCode);
        Assert.Equal(MqttConnectionState.Connected, second.State);
    }

    [Fact]
    public async Task A_wrong_address_shows_at_once_and_the_client_can_be_used_later()
    {
        await using var client = new MqttClient("mqtt://127.0.0.1:1");
        await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync().WaitAsync(Limit));
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
        await Assert.ThrowsAsync<MqttConnectException>(() => client.PublishAsync("a", "b").AsTask().WaitAsync(Limit));
    }

    [Theory]
    [InlineData(new byte[] { 0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46 }, "it speaks TLS there: use mqtts://")]
    [InlineData(new byte[] { 0x48, 0x54, 0x54, 0x50, 0x2F, 0x31 }, "it speaks HTTP there; is that a web or WebSocket port?")]
    [InlineData(new byte[] { 0x53, 0x53, 0x48, 0x2D, 0x32 }, "it speaks SSH there")]
    [InlineData(new byte[] { 0x30, 0x7F }, "the answer is not MQTT")]
    [InlineData(new byte[] { 0x20, 0x01, 0x00 }, "its CONNACK is malformed: CONNACK is cut off")]
    [InlineData(new byte[0], "it closed the connection when it had seen CONNECT; is that an MQTT port?")]
    public async Task What_is_no_MQTT_server_is_guessed_at(byte[] answer, string cause)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task server = ServeAsync();
        string endpoint = $"mqtt://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { endpoint }, ProtocolVersion = MqttProtocolVersion.Mqtt50 });
        MqttConnectException failure = await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync().WaitAsync(Limit));
        Assert.Equal($"{endpoint} cannot be reached: {cause}", failure.Message);
        await server.WaitAsync(Limit);

        async Task ServeAsync()
        {
            using Socket socket = await listener.AcceptSocketAsync();
            await socket.ReceiveAsync(new byte[1024]);
            if (answer.Length > 0)
                await socket.SendAsync(answer);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_knows_only_3_1_1_is_spoken_to_in_it(bool answers)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var levels = new List<int>();
        Task server = ServeAsync();
        await using var client = new MqttClient($"mqtt://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        MqttConnectResult result = await client.ConnectAsync().WaitAsync(Limit);
        Assert.Equal(MqttProtocolVersion.Mqtt311, result.Server.ProtocolVersion);
        Assert.Equal([5, 4], levels);
        await client.AbortAsync();
        await server.WaitAsync(Limit);

        async Task ServeAsync()
        {
            while (levels.Count < 2)
            {
                using Socket socket = await listener.AcceptSocketAsync();
                byte[] buffer = new byte[1024];
                int count = await socket.ReceiveAsync(buffer);
                levels.Add(buffer.AsSpan(0, count)[buffer.AsSpan(0, count).IndexOf("MQTT"u8) + 4]);
                if (levels[^1] == 5)
                {
                    if (answers)
                        await socket.SendAsync(new byte[] { 0x20, 2, 0, 1 });
                    continue;
                }

                await socket.SendAsync(new byte[] { 0x20, 2, 0, 0 });
                try
                {
                    while (await socket.ReceiveAsync(buffer) > 0)
                    {
                    }
                }
                catch (SocketException)
                {
                    // Aborted: what the test wants.
                }
            }
        }
    }

    [Fact]
    public async Task A_connection_that_is_half_open_is_noticed_and_replaced()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using Relay relay = Relay.To(broker.Port);
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtt://127.0.0.1:{relay.Port}" },
            KeepAlive = TimeSpan.FromSeconds(1),
            ResponseTimeout = TimeSpan.FromMilliseconds(500),
        });
        await client.ConnectAsync();
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        Task back = ClientTests.Next(client, MqttConnectionState.Connected);
        relay.IsSilent = true;
        await lost.WaitAsync(Limit);
        relay.IsSilent = false;
        await back.WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
    }

    [Fact]
    public async Task Credentials_are_asked_for_before_every_attempt()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        int asked = 0;
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" },
            ClientId = "asking",
            CredentialProvider = _ => ValueTask.FromResult(new MqttCredentials("me", $"token {++asked}")),
        });
        await client.ConnectAsync();
        Task back = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        Assert.True(await broker.Broker.DisconnectAsync("asking"));
        await back.WaitAsync(Limit);
        await client.WaitForConnectedAsync().WaitAsync(Limit);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task After_a_farewell_nothing_connects_until_it_is_asked_to()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await client.ConnectAsync();
        await client.DisconnectAsync();
        await Assert.ThrowsAsync<MqttNotConnectedException>(() => client.PublishAsync("a", "b", MqttQoS.AtLeastOnce).AsTask());
        Assert.True((await client.ConnectAsync().WaitAsync(Limit)).SessionPresent);
        await client.PublishAsync("a", "b", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task A_slow_reader_holds_the_server_back_and_loses_only_QoS_0_which_is_counted()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using var reader = new MqttClient(new MqttClientOptions { Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" }, Limits = { ReceiveMaximum = 20 } });
        await using MqttClient writer = ClientTests.New(broker);
        await using MqttSubscription zero = await reader.OpenSubscriptionAsync("zero", new MqttSubscribeOptions { QueueMessages = 50 });
        await using MqttSubscription one = await reader.OpenSubscriptionAsync("one", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        for (int i = 0; i < 500; i++)
        {
            await writer.PublishAsync("zero", $"{i}");
            await writer.PublishAsync("one", $"{i}", MqttQoS.AtLeastOnce);
        }

        await reader.PingAsync().WaitAsync(Limit);
        Assert.InRange(one.Waiting, 1, 20);
        Assert.InRange(zero.Waiting, 1, 50);
        await using IAsyncEnumerator<MqttMessage> messages = one.GetAsyncEnumerator();
        for (int i = 0; i < 500; i++)
        {
            Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
            Assert.Equal($"{i}", messages.Current.GetString());
        }

        Assert.True(zero.Dropped > 0);
    }
}
