using System.Text;
using System.Text.Json.Serialization;
using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Requests, responses, JSON and named levels.</summary>
public partial class RequestTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_request_is_answered_and_a_failure_comes_back_as_one()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient server = ClientTests.New(broker);
        await using MqttClient client = ClientTests.New(broker);
        await using MqttSubscription add = await server.RespondAsync<Pair, Sum>(
            "svc/add", Json.Default.Pair, Json.Default.Sum, (pair, _) => pair!.B == 0 ? throw new InvalidOperationException("no zero") : ValueTask.FromResult(new Sum(pair.A + pair.B)));
        Sum? sum = await client.RequestAsync("svc/add", new Pair(2, 3), Json.Default.Pair, Json.Default.Sum).WaitAsync(Limit);
        Assert.Equal(5, sum!.Total);
        var failure = await Assert.ThrowsAsync<MqttResponseException>(() =>
            client.RequestAsync("svc/add", new Pair(2, 0), Json.Default.Pair, Json.Default.Sum).WaitAsync(Limit));
        Assert.Equal("no zero", failure.Message);
    }

    [Fact]
    public async Task A_request_to_nobody_fails_at_once()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await Assert.ThrowsAsync<MqttNoRespondersException>(() =>
            client.RequestAsync(new MqttPublishRequest { Topic = "nobody" }, Timeout.InfiniteTimeSpan).WaitAsync(Limit));
    }

    [Fact]
    public async Task A_handler_may_request_and_dispose_of_its_client()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient server = ClientTests.New(broker);
        await using MqttSubscription echo = await server.RespondAsync(
            "echo", (request, _) => ValueTask.FromResult(new MqttResponse { Payload = request.Payload }));
        MqttClient client = ClientTests.New(broker);
        var answer = new TaskCompletionSource<string>();
        MqttSubscription trigger = await client.OpenSubscriptionAsync("go", async (message, stop) =>
        {
            MqttMessage echoed = await client.RequestAsync(new MqttPublishRequest { Topic = "echo", Payload = message.Payload }, cancellationToken: stop);
            await client.DisposeAsync();
            answer.SetResult(echoed.GetString());
        });
        await server.PublishAsync("go", "there and back");
        Assert.Equal("there and back", await answer.Task.WaitAsync(Limit));
        Assert.Equal(MqttConnectionState.Disposed, client.State);
        await trigger.DisposeAsync();
    }

    [Fact]
    public async Task Levels_have_names_and_properties_travel()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("home/{room}/{*rest}");
        await client.PublishAsync(new MqttPublishRequest
        {
            Topic = "home/kitchen/stove/1",
            Payload = Encoding.UTF8.GetBytes("hot"),
            ContentType = "text/plain",
            PayloadIsText = true,
            ResponseTopic = "answers",
            CorrelationData = new byte[] { 1, 2 },
            UserProperties = [new("a", "1"), new("a", "2")],
            Expiry = TimeSpan.FromMinutes(1),
        });
        await using IAsyncEnumerator<MqttMessage> messages = subscription.GetAsyncEnumerator();
        Assert.True(await messages.MoveNextAsync().AsTask().WaitAsync(Limit));
        MqttMessage message = messages.Current;
        Assert.Equal(("kitchen", "stove/1"), (message.Route["room"], message.Route["rest"]));
        Assert.Equal(("text/plain", true, "answers"), (message.ContentType, message.PayloadIsText, message.ResponseTopic));
        Assert.Equal([1, 2], message.CorrelationData.ToArray());
        Assert.Equal([new("a", "1"), new("a", "2")], message.UserProperties);
        Assert.NotNull(message.ExpiresAt);
    }

    [Fact]
    public async Task The_program_that_everybody_writes_first()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using var client = new MqttClient($"mqtt://127.0.0.1:{broker.Port}");
        await client.PublishAsync("home/kitchen/temp", "21.5", MqttQoS.AtLeastOnce, retain: true);
        await foreach (MqttMessage message in client.SubscribeAsync("home/+/temp"))
        {
            Assert.Equal("home/kitchen/temp: 21.5", $"{message.Topic}: {message.GetString()}");
            break;
        }
    }

    internal sealed record Pair(int A, int B);

    internal sealed record Sum(int Total);

    [JsonSerializable(typeof(Pair))]
    [JsonSerializable(typeof(Sum))]
    internal sealed partial class Json : JsonSerializerContext;
}
