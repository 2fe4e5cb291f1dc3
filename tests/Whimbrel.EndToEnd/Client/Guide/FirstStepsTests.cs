using System.Text;
using System.Text.Json.Serialization;
using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>Publishing, subscribing, handlers, JSON, requests.</summary>
public class FirstStepsTests : GuideTests
{
    [Fact]
    public async Task Two_lines_publish()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;

        // snippet: publish
        await using var client = new MqttClient(address);
        await client.PublishAsync("home/kitchen/temp", "21.5", MqttQoS.AtLeastOnce, retain: true);
        // end

        MqttMessage kept = await FirstAsync(broker, "home/#");
        Assert.Equal(("home/kitchen/temp", "21.5", true), (kept.Topic, kept.GetString(), kept.Retain));
    }

    [Fact]
    public async Task Three_lines_subscribe()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;
        await broker.Broker.PublishAsync("home/cellar/temp", "12"u8.ToArray(), retain: true);

        async Task RunAsync()
        {
            // snippet: subscribe
            await using var client = new MqttClient(address);
            await foreach (MqttMessage message in client.SubscribeAsync("home/+/temp"))
                Console.WriteLine($"{message.Topic}: {message.GetString()}");
            // end
        }

        Assert.Equal(["home/cellar/temp: 12"], await LinesAsync(1, RunAsync));
    }

    [Fact]
    public async Task The_readme_s_program_publishes_and_reads_what_it_published()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;

        async Task RunAsync()
        {
            // snippet: readme
            await using var client = new MqttClient(address);      // Whimbrel.Client, against any broker
            await client.PublishAsync("home/kitchen/temp", "21.5", MqttQoS.AtLeastOnce, retain: true);

            await foreach (MqttMessage message in client.SubscribeAsync("home/+/temp"))
                Console.WriteLine($"{message.Topic}: {message.GetString()}");
            // end
        }

        Assert.Equal(["home/kitchen/temp: 21.5"], await LinesAsync(1, RunAsync));
    }

    [Fact]
    public async Task An_open_subscription_is_active_and_ends_with_its_token()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        using var stopping = new CancellationTokenSource();
        CancellationToken stop = stopping.Token;

        async Task RunAsync()
        {
            // snippet: open-subscription
            await using MqttSubscription alarms = await client.OpenSubscriptionAsync(
                "plant/+/alarm", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
            await client.PublishAsync("plant/7/alarm", "too hot", MqttQoS.AtLeastOnce);   // arrives: the subscription is active

            await foreach (MqttMessage alarm in alarms.WithCancellation(stop))
                Console.WriteLine($"{alarm.Topic}: {alarm.GetString()}");
            // end
        }

        Task running = RunAsync();
        Assert.Equal("plant/7/alarm: too hot", await Console.NextAsync());
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Limit));
        Assert.All(broker.Broker.Clients, known => Assert.Equal(0, known.Subscriptions));
    }

    [Fact]
    public async Task A_handler_runs_concurrently_and_in_order_for_each_topic()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var store = new OrderStore(together: 3, expected: 9);

        // snippet: handler
        await using MqttSubscription orders = await client.OpenSubscriptionAsync(
            "orders/#",
            async (message, stop) => await store.SaveAsync(message.Topic, message.GetString(), stop),
            new MqttSubscribeOptions
            {
                QoS = MqttQoS.AtLeastOnce,
                MaxConcurrentCalls = 16,
                Ordering = MqttOrdering.PerTopic,
            });
        // end

        for (int i = 0; i < 9; i++)
            await client.PublishAsync($"orders/{i % 3}", $"{i / 3}", MqttQoS.AtLeastOnce);
        await store.Done.WaitAsync(Limit);
        for (int topic = 0; topic < 3; topic++)
            Assert.Equal(["0", "1", "2"], store.Saved($"orders/{topic}"));
    }

    [Fact]
    public async Task What_a_handler_refuses_for_good_goes_to_the_dead_letters()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await using MqttSubscription dead = await client.OpenSubscriptionAsync("dead/orders", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        int attempts = 0;
        void Book(string order)
        {
            attempts++;
            throw new InvalidDataException($"{order} is not an order");
        }

        // snippet: dead-letters
        await using MqttSubscription orders = await client.OpenSubscriptionAsync(
            "orders/#",
            (message, stop) =>
            {
                Book(message.GetString());
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions
            {
                QoS = MqttQoS.AtLeastOnce,
                HandlerRetries = 2,
                HandlerRetryDelay = TimeSpan.FromMilliseconds(100),
                DeadLetterTopic = "dead/orders",
            });
        // end

        await client.PublishAsync("orders/1", "a pony", MqttQoS.AtLeastOnce);
        MqttMessage letter = await NextAsync(dead);
        Assert.Equal(("a pony", "orders/1", "InvalidDataException"), (letter.GetString(), letter.GetUserProperty("original-topic"), letter.GetUserProperty("error")));
        Assert.Equal(3, attempts);
    }

    [Fact]
    public async Task Values_travel_as_JSON()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);

        async Task RunAsync()
        {
            // snippet: json
            await client.PublishAsync("home/kitchen", new Reading(21.5, 40), AppJson.Default.Reading, MqttQoS.AtLeastOnce, retain: true);

            await foreach (MqttMessage<Reading> reading in client.SubscribeAsync("home/{room}", AppJson.Default.Reading))
                Console.WriteLine($"{reading.Route["room"]}: {reading.Value!.Humidity} %");
            // end
        }

        Assert.Equal(["kitchen: 40 %"], await LinesAsync(1, RunAsync));
        Assert.Equal("""{"Temperature":21.5,"Humidity":40}""", (await FirstAsync(broker, "home/kitchen")).GetString());
    }

    [Fact]
    public async Task Levels_have_names()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await broker.Broker.PublishAsync("home/kitchen/stove/left", "on"u8.ToArray(), retain: true);

        async Task RunAsync()
        {
            // snippet: template
            await foreach (MqttMessage message in client.SubscribeAsync("home/{room}/{*thing}"))   // subscribes to home/+/#
                Console.WriteLine($"{message.Route["thing"]} in the {message.Route["room"]} is {message.GetString()}");
            // end
        }

        Assert.Equal(["stove/left in the kitchen is on"], await LinesAsync(1, RunAsync));
    }

    [Fact]
    public async Task A_request_is_answered_or_fails_at_once()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await using var server = new MqttClient(broker.Uri);

        async Task RunAsync()
        {
            // snippet: request
            try
            {
                Sum? sum = await client.RequestAsync(
                    "svc/add", new Pair(2, 3), AppJson.Default.Pair, AppJson.Default.Sum, timeout: TimeSpan.FromSeconds(20));
                Console.WriteLine($"2 + 3 = {sum!.Total}");
            }
            catch (MqttNoRespondersException)
            {
                Console.WriteLine("nobody adds here");   // at once, not after twenty seconds
            }
            catch (MqttResponseException failure)
            {
                Console.WriteLine($"it could not: {failure.Message}");
            }
            // end
        }

        await RunAsync().WaitAsync(Limit);
        Assert.Equal("nobody adds here", await Console.NextAsync());

        // snippet: respond
        await using MqttSubscription adder = await server.RespondAsync(
            "svc/add",
            AppJson.Default.Pair,
            AppJson.Default.Sum,
            (pair, stop) => ValueTask.FromResult(new Sum(checked(pair!.A + pair.B))),
            new MqttRespondOptions { SharedGroup = "adders" });
        // end

        await RunAsync().WaitAsync(Limit);
        Assert.Equal("2 + 3 = 5", await Console.NextAsync());
    }

    [Fact]
    public async Task Everything_that_MQTT_5_can_say_travels()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);

        // snippet: properties
        await client.PublishAsync(new MqttPublishRequest
        {
            Topic = "plant/7/report",
            Payload = "all well"u8.ToArray(),
            QoS = MqttQoS.ExactlyOnce,
            Retain = true,
            Expiry = TimeSpan.FromHours(1),
            ContentType = "text/plain",
            PayloadIsText = true,
            UserProperties = [new("shift", "night")],
        });
        // end

        MqttMessage report = await FirstAsync(broker, "plant/7/report");
        Assert.Equal(("all well", "text/plain", true, "night"), (report.GetString(), report.ContentType, report.PayloadIsText, report.GetUserProperty("shift")));
        Assert.NotNull(report.ExpiresAt);
    }

    [Fact]
    public async Task A_raw_subscriber_sees_the_receive_buffer()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var counted = new TaskCompletionSource<long>();

        // snippet: raw
        long bytes = 0;
        await using IAsyncDisposable raw = await client.SubscribeRawAsync("video/#", (in MqttMessageView message) =>
        {
            bytes += message.Payload.Length;   // good until this returns; nothing else is read meanwhile
            if (message.Topic == "video/end")
                counted.SetResult(bytes);
        });
        // end

        await client.PublishAsync("video/1", Encoding.UTF8.GetBytes(new string('x', 5000)));
        await client.PublishAsync("video/end", "");
        Assert.Equal(5000, await counted.Task.WaitAsync(Limit));
    }

    /// <summary>Lets nobody go on before so many are in it together.</summary>
    private sealed class OrderStore(int together, int expected)
    {
        private readonly TaskCompletionSource _met = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<(string Topic, string Order)> _saved = [];
        private int _inside;

        public Task Done => _done.Task;

        public List<string> Saved(string topic) => [.. _saved.Where(saved => saved.Topic == topic).Select(saved => saved.Order)];

        public async Task SaveAsync(string topic, string order, CancellationToken stop)
        {
            if (Interlocked.Increment(ref _inside) == together)
                _met.SetResult();
            await _met.Task.WaitAsync(stop);
            lock (_saved)
            {
                _saved.Add((topic, order));
                if (_saved.Count == expected)
                    _done.SetResult();
            }
        }
    }
}

// snippet: json-types
internal sealed record Reading(double Temperature, int Humidity);

internal sealed record Pair(int A, int B);

internal sealed record Sum(int Total);

[JsonSerializable(typeof(Reading))]
[JsonSerializable(typeof(Pair))]
[JsonSerializable(typeof(Sum))]
internal sealed partial class AppJson : JsonSerializerContext;
// end
