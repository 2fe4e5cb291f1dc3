using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>Everything in one stream, and payloads of one's own.</summary>
public class StreamsTests : GuideTests
{
    [Fact]
    public async Task A_recorder_gets_everything_once_and_in_order()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, ClientId = "recorder", SessionExpiry = TimeSpan.FromHours(1) });
        await using (var before = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, ClientId = "recorder", SessionExpiry = TimeSpan.FromHours(1) }))
        {
            await before.OpenSubscriptionAsync("old/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
            await before.AbortAsync();
        }

        await broker.Broker.PublishAsync("old/1", "kept"u8.ToArray(), QoS.AtLeastOnce);
        var written = new StringWriter(CultureInfo.InvariantCulture);
        using var stopping = new CancellationTokenSource(Limit);

        async Task RecordAsync(TextWriter file, CancellationToken stop)
        {
            // snippet: stream
            await using MqttSubscription everything = await client.OpenSubscriptionAsync("plant/#", new MqttSubscribeOptions
            {
                QoS = MqttQoS.AtLeastOnce,
                AckMode = MqttAckMode.Manual,
                WhenFull = MqttQueueFull.Wait,     // a full queue holds the broker back; nothing is dropped
                TakesUnclaimed = true,             // what the session kept for the filters of an earlier run comes, too
            }, stop);
            await everything.AddFilterAsync("+/alarm", stop);

            await foreach (MqttMessage first in everything.WithCancellation(stop))
            {
                var batch = new List<MqttMessage> { first };
                while (batch.Count < 1000 && everything.TryRead(out MqttMessage? next))
                    batch.Add(next);
                foreach (MqttMessage message in batch)
                    await file.WriteLineAsync($"{message.Topic} {message.GetString()}");
                await file.FlushAsync(stop);
                foreach (MqttMessage message in batch)
                    await message.AcknowledgeAsync();    // only now the broker forgets them
            }
            // end
        }

        Task recording = RecordAsync(written, stopping.Token);
        AwaitSubscriber(broker, 3);
        await client.PublishAsync("plant/7/temp", "21", MqttQoS.AtLeastOnce);
        await client.PublishAsync("plant/alarm", "hot", MqttQoS.AtLeastOnce);
        await client.PublishAsync("gate/alarm", "open", MqttQoS.AtLeastOnce);
        Assert.True(SpinWait.SpinUntil(() => broker.Broker.Clients.All(known => known.InFlight + known.Queued == 0), Limit));
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => recording.WaitAsync(Limit));
        Assert.Equal("old/1 kept\nplant/7/temp 21\nplant/alarm hot\ngate/alarm open\n", written.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task A_serializer_makes_payloads_and_reads_them()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(broker.Uri);

        async Task RunAsync()
        {
            // snippet: serializer-use
            var format = new DoubleFormat();
            await client.PublishAsync("tank/level", 0.75, format, MqttQoS.AtLeastOnce, retain: true);
            await foreach (MqttMessage<double> level in client.SubscribeAsync("tank/level", format))
                Console.WriteLine($"{level.Value:P0}");
            // end
        }

        Assert.Equal([$"{0.75:P0}"], await LinesAsync(1, RunAsync));
        MqttMessage message = await FirstAsync(broker, "tank/level");
        Assert.Equal((8, "application/octet-stream"), (message.Payload.Length, message.ContentType));
    }

    // snippet: serializer
    internal sealed class DoubleFormat : IMqttPayloadSerializer<double>
    {
        public string? ContentType => "application/octet-stream";

        public bool IsText => false;

        public void Write(double value, IBufferWriter<byte> payload)
        {
            BinaryPrimitives.WriteDoubleBigEndian(payload.GetSpan(sizeof(double)), value);
            payload.Advance(sizeof(double));
        }

        public double Read(ReadOnlySpan<byte> payload) => BinaryPrimitives.ReadDoubleBigEndian(payload);
    }
    // end
}
