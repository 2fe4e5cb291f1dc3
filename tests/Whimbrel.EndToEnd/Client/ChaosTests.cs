using Whimbrel.Broker;
using Whimbrel.Client;
using Whimbrel.Hosting;

namespace Whimbrel.EndToEnd.Client;

/// <summary>Connections that are cut at random places, again and again.</summary>
public class ChaosTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly int WantedCuts = int.Parse(Environment.GetEnvironmentVariable("WHIMBREL_CLIENT_CUTS") ?? "60");

    [Theory]
    [InlineData(MqttProtocolVersion.Mqtt50, true)]
    [InlineData(MqttProtocolVersion.Mqtt50, false)]
    [InlineData(MqttProtocolVersion.Mqtt311, true)]
    public async Task Cuts_lose_nothing_and_with_a_session_duplicate_no_QoS_2(MqttProtocolVersion version, bool hasSession)
    {
        await using BrokerUnderTest broker = await BrokerUnderTest.StartAsync(
            LinkKind.Pipes, new BrokerOptions { SysIntervalSeconds = 0, OutboxMessagesMax = int.MaxValue, OutboxBytesMax = long.MaxValue });
        await using Relay outward = Relay.To(broker.Port);
        await using Relay inward = Relay.To(broker.Port);
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        long Next()
        {
            lock (random)
                return random.Next(200, 20_000);
        }

        outward.NextCut = Next;
        await using MqttClient publisher = New(outward, version, hasSession, "publisher");
        await using MqttClient subscriber = New(inward, version, hasSession: true, "subscriber");
        var counts = new Dictionary<string, int>();
        var order = new Dictionary<string, int>();
        bool isOrdered = true;
        await using MqttSubscription subscription = await subscriber.OpenSubscriptionAsync(
            "c/#",
            (message, _) =>
            {
                lock (counts)
                {
                    string key = $"{message.Topic}={message.GetString()}";
                    bool isFirst = counts.TryAdd(key, 0);
                    counts[key]++;
                    if (isFirst)
                    {
                        int number = int.Parse(message.GetString());
                        isOrdered &= order.GetValueOrDefault(message.Topic, -1) < number;
                        order[message.Topic] = number;
                    }
                }

                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce, MaxConcurrentCalls = 4 });
        inward.NextCut = Next;
        inward.CutAll();

        int sent = 0;
        var pending = new Queue<Task>();
        while (outward.Cuts + inward.Cuts < WantedCuts || sent < 2000)
        {
            foreach (int qos in new[] { 1, 2 })
                pending.Enqueue(publisher.PublishAsync($"c/{qos}", $"{sent}", (MqttQoS)qos).AsTask());
            sent++;
            while (pending.Count > 200)
                await WithinAsync(pending.Dequeue(), publisher, subscriber);
        }

        await WithinAsync(Task.WhenAll(pending), publisher, subscriber);
        outward.NextCut = inward.NextCut = null;
        inward.CutAll();
        await subscriber.WaitForConnectedAsync().WaitAsync(Limit);
        await publisher.WaitForConnectedAsync().WaitAsync(Limit);
        var last = new TaskCompletionSource();
        await using MqttSubscription end = await subscriber.OpenSubscriptionAsync("c/2", (message, _) =>
        {
            if (message.GetString() == $"{sent}")
                last.TrySetResult();
            return ValueTask.CompletedTask;
        }, new MqttSubscribeOptions { QoS = MqttQoS.ExactlyOnce });
        await publisher.PublishAsync("c/1", $"{sent}", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        await publisher.PublishAsync("c/2", $"{sent}", MqttQoS.ExactlyOnce).AsTask().WaitAsync(Limit);
        await last.Task.WaitAsync(Limit);
        await end.DisposeAsync();
        await subscription.DisposeAsync();
        lock (counts)
        {
            string where = $"seed {seed}, {outward.Cuts}+{inward.Cuts} cuts, {sent} messages, {broker.Statistics.DroppedTotal} dropped by the broker";
            for (int i = 0; i <= sent; i++)
            {
                Assert.True(counts.ContainsKey($"c/1={i}"), $"QoS 1 message {i} is lost; {where}");
                Assert.True(counts.ContainsKey($"c/2={i}"), $"QoS 2 message {i} is lost; {where}");
                if (hasSession)
                    Assert.True(counts[$"c/2={i}"] == 1, $"QoS 2 message {i} came {counts[$"c/2={i}"]} times; {where}");
            }

            Assert.True(isOrdered || !hasSession, $"the order is broken; {where}");
        }
    }

    private static async Task WithinAsync(Task task, MqttClient publisher, MqttClient subscriber)
    {
        try
        {
            await task.WaitAsync(Limit);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"publisher: {publisher.Describe()}; subscriber: {subscriber.Describe()}");
        }
    }

    private static MqttClient New(Relay relay, MqttProtocolVersion version, bool hasSession, string name) => new(new MqttClientOptions
    {
        Endpoints = { $"mqtt://127.0.0.1:{relay.Port}" },
        ProtocolVersion = version,
        ClientId = name,
        SessionExpiry = hasSession ? TimeSpan.FromHours(1) : version == MqttProtocolVersion.Mqtt50 ? TimeSpan.Zero : null,
        Reconnect = { RetryInitialConnect = true, DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(20) },
    });
}
