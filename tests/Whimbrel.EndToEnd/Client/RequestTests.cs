using System.Text;
using System.Text.Json.Serialization;
using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Requests, responses, JSON and named levels.</summary>
public partial class RequestTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(MqttProtocolVersion.Mqtt50, "panel")]
    [InlineData(MqttProtocolVersion.Mqtt50, "+/{hall}/#/error")]
    [InlineData(MqttProtocolVersion.Mqtt311, "panel")]
    [InlineData(MqttProtocolVersion.Mqtt311, "+/{hall}/#/error")]
    public async Task A_request_is_answered_and_a_failure_comes_back_as_one(MqttProtocolVersion version, string clientId)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient server = ClientTests.New(broker, version);
        await using MqttClient client = ClientTests.New(broker, version, clientId);
        await using MqttSubscription add = await server.RespondAsync<Pair, Sum>(
            "svc/add", Json.Default.Pair, Json.Default.Sum, (pair, _) => pair!.B == 0 ? throw new InvalidOperationException("no zero") : ValueTask.FromResult(new Sum(pair.A + pair.B)));
        Sum? sum = await client.RequestAsync("svc/add", new Pair(2, 3), Json.Default.Pair, Json.Default.Sum).WaitAsync(Limit);
        Assert.Equal(5, sum!.Total);
        var failure = await Assert.ThrowsAsync<MqttResponseException>(() =>
            client.RequestAsync("svc/add", new Pair(2, 0), Json.Default.Pair, Json.Default.Sum).WaitAsync(Limit));
        Assert.Equal("no zero", failure.Message);
    }

    [Theory]
    [InlineData("svc/{name}/get", "name", "clock")]
    [InlineData("svc/{*rest}", "rest", "clock/get")]
    public async Task A_responder_that_takes_topic_requests_answers_both_versions_and_sees_the_topic_that_was_asked(string filter, string level, string value)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient server = ClientTests.New(broker, MqttProtocolVersion.Mqtt50);
        await using MqttSubscription names = await server.RespondAsync(
            filter,
            (request, _) => ValueTask.FromResult(new MqttResponse { Payload = Encoding.UTF8.GetBytes($"{request.Topic} {request.Route[level]}") }),
            new MqttRespondOptions { TakesTopicRequests = true });
        foreach (MqttProtocolVersion version in (MqttProtocolVersion[])[MqttProtocolVersion.Mqtt50, MqttProtocolVersion.Mqtt311])
        {
            await using MqttClient client = ClientTests.New(broker, version);
            MqttMessage answer = await client.RequestAsync(new MqttPublishRequest { Topic = "svc/clock/get" }).WaitAsync(Limit);
            Assert.Equal($"svc/clock/get {value}", answer.GetString());
        }
    }

    [Fact]
    public async Task A_device_without_the_library_asks_by_topics_and_is_answered_once_for_what_it_sends_twice()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient server = ClientTests.New(broker, MqttProtocolVersion.Mqtt311);
        await using MqttClient device = ClientTests.New(broker, MqttProtocolVersion.Mqtt311);
        int calls = 0;
        await using MqttSubscription counter = await server.RespondAsync(
            "svc/count",
            (_, _) => ValueTask.FromResult(new MqttResponse { Payload = Encoding.UTF8.GetBytes($"{Interlocked.Increment(ref calls)}") }),
            new MqttRespondOptions { MaxConcurrentCalls = 1 });
        await using MqttSubscription answers = await device.OpenSubscriptionAsync("whimbrel/responses/esp/+");
        await device.PublishAsync("svc/count/$request/esp/1", "");
        await device.PublishAsync("svc/count/$request/esp/1", "");
        await device.PublishAsync("svc/count/$request/esp/2", "");
        await using IAsyncEnumerator<MqttMessage> messages = answers.GetAsyncEnumerator();
        List<string> got = [];
        while (got.Count < 3 && await messages.MoveNextAsync().AsTask().WaitAsync(Limit))
            got.Add($"{messages.Current.Topic} {messages.Current.GetString()}");
        got.Sort(StringComparer.Ordinal);
        Assert.Equal(["whimbrel/responses/esp/1 1", "whimbrel/responses/esp/1 1", "whimbrel/responses/esp/2 2"], got);
    }

    [Fact]
    public async Task What_is_no_request_is_refused_and_the_responder_goes_on()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        var log = new RecordedLog();
        await using var server = new MqttClient(new MqttClientOptions { Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" }, LoggerFactory = log });
        await using MqttClient client = ClientTests.New(broker);
        await using MqttSubscription echo = await server.RespondAsync(
            "echo", (request, _) => ValueTask.FromResult(new MqttResponse { Payload = request.Payload }), new MqttRespondOptions { MaxConcurrentCalls = 1 });
        await client.PublishAsync("echo", "who asks?", MqttQoS.AtLeastOnce);
        MqttMessage answer = await client.RequestAsync(new MqttPublishRequest { Topic = "echo", Payload = "me"u8.ToArray() }).WaitAsync(Limit);
        Assert.Equal("me", answer.GetString());
        Assert.Contains(log.Lines, line => line.Text.Contains("The message for 'echo' is no request", StringComparison.Ordinal));
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
