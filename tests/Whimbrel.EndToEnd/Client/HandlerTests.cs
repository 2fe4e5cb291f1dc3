using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Handlers that fail.</summary>
public class HandlerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_failed_call_is_tried_again_as_often_as_is_said_and_success_ends_it()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var done = new TaskCompletionSource();
        int calls = 0;
        await using MqttSubscription dead = await client.OpenSubscriptionAsync("dead", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(
            "a",
            (_, _) =>
            {
                if (++calls < 3)
                    throw new InvalidOperationException("not yet");
                done.SetResult();
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, HandlerRetries = 5, HandlerRetryDelay = TimeSpan.Zero, DeadLetterTopic = "dead" });
        await client.PublishAsync("a", "x", MqttQoS.AtLeastOnce);
        await done.Task.WaitAsync(Limit);
        await subscription.DisposeAsync();
        await client.PingAsync().WaitAsync(Limit);
        Assert.Equal((3, 0), (calls, dead.Waiting));
    }

    [Fact]
    public async Task What_fails_for_good_becomes_a_dead_letter_and_the_next_is_handled()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var handled = new TaskCompletionSource();
        int failures = 0;
        await using MqttSubscription dead = await client.OpenSubscriptionAsync("dead", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync(
            "orders/+",
            (message, _) =>
            {
                if (message.GetString() == "good")
                    handled.TrySetResult();
                else
                    failures++;
                return message.GetString() == "good" ? ValueTask.CompletedTask : throw new InvalidOperationException("never");
            },
            new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce, HandlerRetries = 2, HandlerRetryDelay = TimeSpan.Zero, DeadLetterTopic = "dead" });
        await client.PublishAsync(new MqttPublishRequest
        {
            Topic = "orders/1",
            Payload = "bad"u8.ToArray(),
            QoS = MqttQoS.ExactlyOnce,
            ContentType = "text/plain",
            UserProperties = [new("tenant", "north")],
        });
        await client.PublishAsync("orders/1", "good", MqttQoS.ExactlyOnce);
        await handled.Task.WaitAsync(Limit);
        await using IAsyncEnumerator<MqttMessage> letters = dead.GetAsyncEnumerator();
        Assert.True(await letters.MoveNextAsync().AsTask().WaitAsync(Limit));
        MqttMessage letter = letters.Current;
        Assert.Equal(("bad", "text/plain", 3), (letter.GetString(), letter.ContentType, failures));
        Assert.Equal([new("tenant", "north"), new("original-topic", "orders/1"), new("error", nameof(InvalidOperationException))], letter.UserProperties);
    }

    [Fact]
    public async Task A_message_whose_handler_was_cut_short_by_the_end_comes_again_to_the_next_client()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        MqttClientOptions Options() => new()
        {
            Endpoints = { broker.Uri },
            ClientId = "worker",
            SessionExpiry = TimeSpan.FromHours(1),
            DrainTimeout = TimeSpan.FromMilliseconds(20),
        };
        var begun = new TaskCompletionSource();
        var first = new MqttClient(Options());
        await first.OpenSubscriptionAsync(
            "a",
            async (_, stop) =>
            {
                begun.SetResult();
                await Task.FromCanceled(await CancelledAsync(stop));
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, HandlerRetries = 3, DeadLetterTopic = "dead" });
        await first.PublishAsync("a", "kept", MqttQoS.AtLeastOnce);
        await begun.Task.WaitAsync(Limit);
        await first.DisposeAsync();
        var again = new TaskCompletionSource<MqttMessage>();
        await using var second = new MqttClient(Options());
        await second.OpenSubscriptionAsync(
            "a",
            (message, _) =>
            {
                again.TrySetResult(message);
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        MqttMessage message = await again.Task.WaitAsync(Limit);
        Assert.Equal(("kept", true), (message.GetString(), message.Duplicate));

        static async Task<CancellationToken> CancelledAsync(CancellationToken stop)
        {
            var cancelled = new TaskCompletionSource();
            await using CancellationTokenRegistration registration = stop.Register(cancelled.SetResult);
            await cancelled.Task;
            return stop;
        }
    }
}
