using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Client;
using Whimbrel.Hosting;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>One subscription as the stream of everything that a program wants to see: several filters, what others left, nothing dropped.</summary>
public class StreamTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(MqttProtocolVersion.Mqtt31)]
    [InlineData(MqttProtocolVersion.Mqtt311)]
    [InlineData(MqttProtocolVersion.Mqtt50)]
    public async Task Several_filters_make_one_stream_in_the_order_of_arrival_and_without_copies(MqttProtocolVersion version)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker, version);
        var options = new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce };
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/#", options);
        Assert.Equal(MqttQoS.AtLeastOnce, await subscription.AddFilterAsync("+/x"));
        await subscription.AddFilterAsync("b/{not a name}");
        Assert.Equal(version, client.Server!.ProtocolVersion);
        await Assert.ThrowsAsync<InvalidOperationException>(() => subscription.AddFilterAsync("+/x"));
        string[] topics = ["a/x", "b/x", "a/y", "b/{not a name}", "a/x"];
        foreach (string topic in topics)
            await client.PublishAsync(topic, topic, MqttQoS.AtLeastOnce);
        Assert.Equal(topics, (await TakeAsync(subscription, topics.Length)).Select(message => message.Topic));
        Assert.Equal(0, subscription.Waiting);
    }

    [Fact]
    public async Task A_filter_that_is_refused_leaves_the_others()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes, new Whimbrel.Broker.BrokerOptions { WildcardSubscriptionAvailable = false });
        await using MqttClient client = ClientTests.New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a");
        MqttSubscribeException refused = await Assert.ThrowsAsync<MqttSubscribeException>(() => subscription.AddFilterAsync("b/#"));
        Assert.Equal(ReasonCode.WildcardSubscriptionsNotSupported, refused.ReasonCode);
        await client.PublishAsync("a", "1", MqttQoS.AtLeastOnce);
        Assert.Equal("1", Assert.Single(await TakeAsync(subscription, 1)).GetString());
    }

    [Fact]
    public async Task What_was_left_for_an_earlier_process_comes_to_who_takes_it()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using (MqttClient before = New(broker))
        {
            await before.OpenSubscriptionAsync("left/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
            await before.AbortAsync();
        }

        await broker.PublishAsync("left/1", "one");
        await broker.PublishAsync("left/2", "two");
        await using MqttClient client = New(broker);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("other", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, TakesUnclaimed = true });
        Assert.Equal(["one", "two"], (await TakeAsync(subscription, 2)).Select(message => message.GetString()));

        // What comes later for the filter of that process is nobody's as well, until the filter is given up.
        await broker.PublishAsync("left/3", "three");
        Assert.Equal("three", Assert.Single(await TakeAsync(subscription, 1)).GetString());
        await client.UnsubscribeAsync("left/#");
        await broker.PublishAsync("left/4", "four");
        await broker.PublishAsync("other", "five");
        Assert.Equal("five", Assert.Single(await TakeAsync(subscription, 1)).GetString());
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.UnsubscribeAsync("other"));
    }

    [Fact]
    public async Task A_reader_that_must_miss_nothing_holds_the_connection_back()
    {
        const int count = 5000;
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes, new Whimbrel.Broker.BrokerOptions { OutboxMessagesMax = 2 * count });
        await using MqttClient client = ClientTests.New(broker);
        var options = new MqttSubscribeOptions { QueueMessages = 10, WhenFull = MqttQueueFull.Wait };
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("many", options);
        for (int i = 0; i < count; i++)
            await broker.PublishAsync("many", i.ToString(CultureInfo.InvariantCulture));
        List<MqttMessage> taken = await TakeAsync(subscription, count);
        Assert.Equal(Enumerable.Range(0, count), taken.Select(message => int.Parse(message.GetString(), CultureInfo.InvariantCulture)));
        Assert.Equal(0, subscription.Dropped);

        // A client whose queue is full leaves without waiting for its reader.
        for (int i = 0; i < count; i++)
            await broker.PublishAsync("many", "x");
        await client.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task Handlers_that_must_miss_nothing_hold_the_connection_back()
    {
        const int count = 5000;
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes, new Whimbrel.Broker.BrokerOptions { OutboxMessagesMax = 2 * count });
        await using MqttClient client = ClientTests.New(broker);
        int handled = 0;
        var done = new TaskCompletionSource();
        var options = new MqttSubscribeOptions { QueueMessages = 10, WhenFull = MqttQueueFull.Wait, MaxConcurrentCalls = 4 };
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(
            "many/+",
            async (_, _) =>
            {
                await Task.Yield();
                if (Interlocked.Increment(ref handled) == count)
                    done.SetResult();
            },
            options);
        for (int i = 0; i < count; i++)
            await broker.PublishAsync($"many/{i % 3}", "x");
        await done.Task.WaitAsync(Limit);
        Assert.Equal(0, subscription.Dropped);
    }

    [Fact]
    public async Task A_program_s_own_identifier_stands_in_the_message()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await using MqttSubscription other = await client.OpenSubscriptionAsync("other");
        var options = new MqttSubscribeOptions { Identifier = 7, QoS = MqttQoS.AtLeastOnce, UserProperties = [new("why", "to see it")] };
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a/+", options);
        await subscription.AddFilterAsync("a/#");
        await client.PublishAsync("a/b", "x", MqttQoS.AtLeastOnce);
        MqttMessage message = Assert.Single(await TakeAsync(subscription, 1));
        Assert.NotEqual(0, message.PacketId);
        var identifiers = new List<uint>();
        var reader = new PropertyReader(message.PropertyBlock, PropertyScope.Publish);
        while (reader.TryNext(out Property property))
            identifiers.Add(property.Number);
        Assert.Equal([7u, 7u], identifiers);
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.OpenSubscriptionAsync("b", new MqttSubscribeOptions { Identifier = 1 }));
    }

    [Fact]
    public async Task Every_packet_can_be_logged_and_no_payload_or_password_is_in_it()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        var log = new PacketLines();
        using (ILoggerFactory factory = LoggerFactory.Create(builder => builder.AddProvider(log).SetMinimumLevel(LogLevel.Trace)))
        {
            await using var client = new MqttClient(new MqttClientOptions
            {
                Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" },
                ClientId = "c",
                Credentials = new MqttCredentials("me", "secret"),
                LoggerFactory = factory,
            });
            await using (await client.OpenSubscriptionAsync("a/+", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce }))
                await client.PublishAsync("a/b", "secret", MqttQoS.ExactlyOnce, retain: true);
        }

        string[] wanted =
        [
            "sending CONNECT as 'c' with MQTT 5.0, clean start, keep alive 30 s", "received CONNACK, session new", "sending SUBSCRIBE 'a/+', QoS 1, id ",
            "received SUBACK, id ", "sending PUBLISH 'a/b', 6 bytes, QoS 2, retained, id ", "received PUBLISH 'a/b', 6 bytes, QoS 1, id 1", "received PUBREC, id ",
            "sending PUBREL, id ", "received PUBCOMP, id ", "sending UNSUBSCRIBE 'a/+', id ", "received UNSUBACK, id ", "sending DISCONNECT",
        ];
        Assert.All(wanted, line => Assert.Contains(log.Lines, logged => logged.StartsWith(line, StringComparison.Ordinal)));
        Assert.DoesNotContain(log.Lines, line => line.Contains("secret", StringComparison.Ordinal));
    }

    private static MqttClient New(BrokerUnderTest broker) => new(new MqttClientOptions
    {
        Endpoints = { $"mqtt://127.0.0.1:{broker.Port}" },
        ClientId = "keeper",
        SessionExpiry = TimeSpan.FromHours(1),
    });

    private static async Task<List<MqttMessage>> TakeAsync(MqttSubscription subscription, int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        var taken = new List<MqttMessage>();
        await foreach (MqttMessage message in subscription.WithCancellation(limit.Token))
        {
            taken.Add(message);
            await message.AcknowledgeAsync();
            if (taken.Count == count)
                break;
        }

        return taken;
    }

    private sealed class PacketLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => categoryName == MqttTelemetry.PacketLogCategory ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
