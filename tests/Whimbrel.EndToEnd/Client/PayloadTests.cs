using System.Buffers;
using System.Buffers.Binary;
using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Values by a serializer that the library does not know.</summary>
public class PayloadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly NumberSerializer Numbers = new();

    [Fact]
    public async Task Values_go_every_way_by_a_serializer_of_the_program_and_say_what_they_are()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        var handled = new TaskCompletionSource<MqttMessage<int>>();
        await using MqttSubscription handler = await client.OpenSubscriptionAsync(
            "n/{name}",
            Numbers,
            (message, _) =>
            {
                handled.TrySetResult(message);
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await client.PublishAsync("n/one", 258, Numbers, MqttQoS.AtLeastOnce, retain: true);
        MqttMessage<int> got = await handled.Task.WaitAsync(Limit);
        Assert.Equal((258, "application/x-number", false), (got.Value, got.Message.ContentType, got.Message.PayloadIsText));
        Assert.Equal([0, 0, 1, 2], got.Message.Payload.ToArray());
        await (await client.EnqueueAsync("n/two", 7, Numbers, retain: true)).Completion.WaitAsync(Limit);
        var read = new List<int>();
        await foreach (MqttMessage<int> message in client.SubscribeAsync("n/+", Numbers))
        {
            read.Add(message.Value);
            if (read.Count == 2)
                break;
        }

        Assert.Equal([7, 258], read.Order());
        await using MqttSubscription twice = await client.RespondAsync("twice", Numbers, Numbers, (number, _) => ValueTask.FromResult(number * 2));
        Assert.Equal(42, await client.RequestAsync("twice", 21, Numbers, Numbers).WaitAsync(Limit));
    }

    [Fact]
    public async Task What_cannot_be_read_is_put_aside_at_once_and_the_rest_goes_on()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await using MqttSubscription dead = await client.OpenSubscriptionAsync("dead/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        int calls = 0;
        var handled = new TaskCompletionSource<int>();
        var options = new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, HandlerRetries = 5, HandlerRetryDelay = Timeout.InfiniteTimeSpan, DeadLetterTopic = "dead/handler" };
        await using MqttSubscription handler = await client.OpenSubscriptionAsync(
            "a",
            new NumberSerializer(() => calls++),
            (message, _) =>
            {
                handled.TrySetResult(message.Value);
                return ValueTask.CompletedTask;
            },
            options);
        await using IAsyncEnumerator<MqttMessage<int>> reader = client.SubscribeAsync("b", Numbers, options with { DeadLetterTopic = "dead/reader" }).GetAsyncEnumerator();
        ValueTask<bool> next = reader.MoveNextAsync();
        await client.PingAsync();
        foreach (string topic in new[] { "a", "b" })
        {
            await client.PublishAsync(topic, "three"u8.ToArray(), MqttQoS.AtLeastOnce);
            await client.PublishAsync(topic, 1, Numbers, MqttQoS.AtLeastOnce);
        }

        Assert.Equal(1, await handled.Task.WaitAsync(Limit));
        Assert.True(await next.AsTask().WaitAsync(Limit));
        Assert.Equal((1, 2), (reader.Current.Value, calls));
        await using IAsyncEnumerator<MqttMessage> letters = dead.GetAsyncEnumerator();
        var seen = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            Assert.True(await letters.MoveNextAsync().AsTask().WaitAsync(Limit));
            MqttMessage letter = letters.Current;
            seen.Add($"{letter.Topic} {letter.GetString()} {letter.GetUserProperty("original-topic")} {letter.GetUserProperty("error")}");
        }

        Assert.Equal(["dead/handler three a MqttPayloadException", "dead/reader three b MqttPayloadException"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_request_that_cannot_be_read_is_answered_and_an_answer_that_cannot_be_read_is_an_error()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);
        await using MqttSubscription twice = await client.RespondAsync("twice", Numbers, Numbers, (number, _) => ValueTask.FromResult(number * 2));
        MqttResponseException refused = await Assert.ThrowsAsync<MqttResponseException>(() =>
            client.RequestAsync(new MqttPublishRequest { Topic = "twice", Payload = new byte[3] }).WaitAsync(Limit));
        Assert.Contains("cannot be read as Int32", refused.Message, StringComparison.Ordinal);
        await using MqttSubscription silly = await client.RespondAsync("silly", (_, _) => ValueTask.FromResult(new MqttResponse { Payload = new byte[9] }));
        MqttPayloadException unreadable = await Assert.ThrowsAsync<MqttPayloadException>(() => client.RequestAsync("silly", 1, Numbers, Numbers).WaitAsync(Limit));
        Assert.Equal(ReasonCode.PayloadFormatInvalid, unreadable.ReasonCode);
    }

    private sealed class NumberSerializer(Action? reading = null) : IMqttPayloadSerializer<int>
    {
        public string ContentType => "application/x-number";

        public bool IsText => false;

        public void Write(int value, IBufferWriter<byte> payload)
        {
            BinaryPrimitives.WriteInt32BigEndian(payload.GetSpan(4), value);
            payload.Advance(4);
        }

        public int Read(ReadOnlySpan<byte> payload)
        {
            reading?.Invoke();
            return payload.Length == 4 ? BinaryPrimitives.ReadInt32BigEndian(payload) : throw new InvalidDataException("a number has four bytes");
        }
    }
}
