using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>What a message costs in memory while nobody listens to traces.</summary>
[Collection(nameof(ProcessResourceTests))]
public class CostTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Publishing_with_QoS_0_allocates_nothing_once_connected()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await client.ConnectAsync();
        byte[] payload = new byte[100];
        long before = 0;
        long after = 0;

        // The first rounds fill the buffers to their bound.
        long least = long.MaxValue;
        for (int round = 0; round < 6; round++)
        {
            Measure();
            least = Math.Min(least, after - before);
        }

        Assert.True(least < 1000, $"{least} bytes for 20,000 messages");
        await client.PingAsync().WaitAsync(Limit);

        void Measure()
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 20_000;)
            {
                // A full buffer makes the call wait; those are not what is counted here.
                long waiting = GC.GetAllocatedBytesForCurrentThread();
                ValueTask<MqttPublishResult> sending = client.PublishAsync("sensors/kitchen/temperature", payload);
                if (sending.IsCompletedSuccessfully)
                {
                    i++;
                    continue;
                }

                sending.AsTask().Wait();
                before += GC.GetAllocatedBytesForCurrentThread() - waiting;
            }

            after = GC.GetAllocatedBytesForCurrentThread();
        }
    }

    [Fact]
    public async Task Publishing_with_QoS_1_allocates_nothing_before_it_waits()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await client.ConnectAsync();
        byte[] payload = new byte[100];
        long least = long.MaxValue;
        for (int round = 0; round < 6; round++)
        {
            long allocated = 0;
            for (int i = 0; i < 2000; i++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                ValueTask<MqttPublishResult> publishing = client.PublishAsync("sensors/kitchen/temperature", payload, MqttQoS.AtLeastOnce);
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                await publishing;
            }

            least = Math.Min(least, allocated);
        }

        Assert.True(least < 1000, $"{least} bytes for 2,000 messages");
    }

    [Fact]
    public async Task Forty_eight_publishers_at_once_lose_nothing()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await client.ConnectAsync();
        byte[] payload = new byte[16];
        Task[] publishers = [.. Enumerable.Range(0, 48).Select(n => Task.Run(async () =>
        {
            for (int i = 0; i < 200; i++)
                await client.PublishAsync($"t/{n}", payload, (MqttQoS)(i % 3));
        }))];
        await Task.WhenAll(publishers).WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
        Assert.Equal(48 * 200, broker.Statistics.PublishesReceived);
    }

    [Fact]
    public async Task Cancelled_calls_never_harm_the_connection()
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(LinkKind.Pipes);
        await using MqttClient client = ClientTests.New(broker);
        await client.ConnectAsync();
        int changes = 0;
        client.ConnectionStateChanged += (_, change) => changes += change.State == MqttConnectionState.Connected ? 0 : 1;
        int calls = int.Parse(Environment.GetEnvironmentVariable("WHIMBREL_CLIENT_CANCELS") ?? "20000");
        int delivered = 0;
        int before = 0;
        int maybe = 0;
        var pending = new Queue<Task>();
        for (int i = 0; i < calls; i++)
        {
            pending.Enqueue(OneAsync(i));
            while (pending.Count > 500)
                await pending.Dequeue().WaitAsync(Limit);
        }

        await Task.WhenAll(pending).WaitAsync(Limit);
        await client.FlushAsync().WaitAsync(Limit);
        await client.PublishAsync("after", "all", MqttQoS.ExactlyOnce).AsTask().WaitAsync(Limit);
        Assert.Equal(calls, delivered + before + maybe);
        Assert.True(maybe > 0, "no call was cancelled halfway");
        Assert.Equal(0, changes);

        async Task OneAsync(int number)
        {
            using var cancellation = new CancellationTokenSource();
            ValueTask<MqttPublishResult> publishing = client.PublishAsync("cancelled/now", "x"u8.ToArray(), (MqttQoS)((number % 2) + 1), cancellationToken: cancellation.Token);
            if (number % 3 == 0)
                cancellation.Cancel();
            else if (number % 3 == 1)
                cancellation.CancelAfter(TimeSpan.FromMilliseconds(1));
            try
            {
                await publishing;
                Interlocked.Increment(ref delivered);
            }
            catch (MqttPublishCanceledException exception)
            {
                Interlocked.Increment(ref exception.MaybeDelivered ? ref maybe : ref before);
            }
        }
    }
}
