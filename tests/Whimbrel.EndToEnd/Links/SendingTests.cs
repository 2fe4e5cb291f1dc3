using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

/// <summary>Output: large, to many, and to those who do not read.</summary>
public class SendingTests
{
    public static TheoryData<Carrier> Carriers => WiredBroker.Carriers;

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Large_payloads_come_through_whole(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var client = await broker.ConnectAsync("large");
        await client.SubscribeAsync("large/#");
        foreach (int length in new[] { 4095, 4097, 65_536, 256 * 1024, 1024 * 1024 })
        {
            string payload = string.Concat(Enumerable.Range(0, (length / 8) + 1).Select(i => $"{i:x8}"))[..length];
            await client.PublishAsync($"large/{length}", payload);
            var seen = await client.ReadAsync();
            Assert.Equal($"large/{length}", seen.Topic);
            Assert.True(payload == seen.Payload);
        }
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Every_subscriber_gets_every_message_in_order(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        var subscribers = new List<WireClient>();
        for (int i = 0; i < 60; i++)
        {
            subscribers.Add(await broker.ConnectAsync($"subscriber{i}", i % 2 == 0 ? ProtocolVersion.Mqtt50 : ProtocolVersion.Mqtt311));
            await subscribers[i].SubscribeAsync("news/+", (QoS)(i % 2));
        }

        var publishers = new List<Task>();
        for (int p = 0; p < 4; p++)
        {
            var publisher = await broker.ConnectAsync($"publisher{p}");
            string topic = $"news/{p}";
            publishers.Add(Task.Run(async () =>
            {
                for (int i = 0; i < 50; i++)
                    await publisher.PublishAsync(topic, $"{i}", QoS.AtLeastOnce, (ushort)(i + 1));
            }));
        }

        await Task.WhenAll(publishers).WaitAsync(WiredBroker.Bound);
        foreach (var subscriber in subscribers)
        {
            int[] next = new int[4];
            for (int i = 0; i < 200; i++)
            {
                var seen = await subscriber.ReadAsync();
                Assert.Equal($"{next[seen.Topic[^1] - '0']++}", seen.Payload);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_reader_that_stalls_is_closed_while_the_others_go_on(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier, options => options.Broker = options.Broker with { LinkStallSeconds = 1 });
        await using var stalled = await broker.ConnectAsync("stalled");
        await stalled.SubscribeAsync("flood/#");
        await using var reader = await broker.ConnectAsync("reader");
        await reader.SubscribeAsync("flood/#");
        await using var publisher = await broker.ConnectAsync("publisher");
        byte[] message = WireClient.PublishBytes("flood/x", new byte[100_000], publisher.Version);
        var closed = broker.Events.ClosedAsync("stalled");
        while (!closed.IsCompleted)
        {
            await publisher.SendAsync(message);
            Assert.Equal("flood/x", (await reader.ReadAsync()).Topic);
        }

        Assert.Equal(CloseReason.WriteStalled, (await closed).CloseReason);
        await stalled.ReadUntilGoneAsync();
        await publisher.PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_publisher_that_does_not_read_its_own_messages_is_held_and_loses_none(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var client = await broker.ConnectAsync("both");
        await client.SubscribeAsync("self");
        byte[] messages = [.. Enumerable.Range(0, 300).SelectMany(_ => WireClient.PublishBytes("self", new byte[100_000], client.Version))];
        var sending = client.SendAsync(messages);
        for (int i = 0; i < 300; i++)
            Assert.Equal(100_000, (await client.ReadAsync()).Payload.Length);
        await sending;
        Assert.Equal(0, broker.Broker.Statistics.DroppedTotal);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_burst_to_many_subscribers_is_worked_off_whole_and_in_order(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        var subscribers = new List<WireClient>();
        for (int i = 0; i < 40; i++)
        {
            subscribers.Add(await broker.ConnectAsync($"subscriber{i}"));
            await subscribers[i].SubscribeAsync("b");
        }

        // More than one turn's work in one read, and a clean end behind it.
        await using var publisher = await broker.ConnectAsync("publisher", will: "b");
        var bytes = new List<byte>();
        for (int i = 0; i < 4000; i++)
            bytes.AddRange(WireClient.PublishBytes("b", Encoding.UTF8.GetBytes($"{i}"), publisher.Version));
        bytes.AddRange(WireClient.Encode(new DisconnectPacket { Reason = ReasonCode.Success }, publisher.Version));
        await publisher.SendAsync(bytes.ToArray());
        publisher.Socket.Shutdown(SocketShutdown.Send);
        foreach (var subscriber in subscribers)
        {
            for (int i = 0; i < 4000; i++)
                Assert.Equal($"{i}", (await subscriber.ReadAsync()).Payload);
        }

        Assert.Equal(CloseReason.ClientDisconnected, (await broker.Events.ClosedAsync("publisher")).CloseReason);
        await subscribers[0].PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_connection_that_ends_while_others_send_to_it_leaves_nothing_to_its_successors(Carrier carrier)
    {
        const int Places = 6;
        await using var broker = await WiredBroker.StartAsync(carrier);
        using var done = new CancellationTokenSource();
        var publishers = Enumerable.Range(0, 4).Select(p => Task.Run(async () =>
        {
            await using var publisher = await broker.ConnectAsync($"publisher{p}");
            byte[] messages = [.. Enumerable.Range(0, Places).SelectMany(i => WireClient.PublishBytes($"to/{i}", new byte[3000], publisher.Version))];
            while (!done.IsCancellationRequested)
            {
                await publisher.SendAsync(messages);
                await publisher.PingAsync();
            }
        })).ToList();
        var subscribers = Enumerable.Range(0, Places).Select(i => Task.Run(async () =>
        {
            for (int round = 0; round < 100; round++)
            {
                await using var subscriber = await broker.ConnectAsync($"subscriber{i}-{round}");
                await subscriber.SubscribeAsync($"to/{i}");
                for (int read = 0; read < 5; read++)
                    Assert.Equal(($"to/{i}", 3000), (await subscriber.ReadAsync()) switch { var seen => (seen.Topic, seen.Payload.Length) });
                if (round % 2 == 0)
                    subscriber.Reset();
            }
        }));
        await Task.WhenAll(subscribers).WaitAsync(WiredBroker.Bound);
        await done.CancelAsync();
        await Task.WhenAll(publishers).WaitAsync(WiredBroker.Bound);
        Assert.DoesNotContain(broker.Log.Lines, line => line.Level >= LogLevel.Error);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_slow_reader_that_pings_is_not_taken_for_silent(Carrier carrier)
    {
        var time = new SettableTime();
        await using var broker = await WiredBroker.StartAsync(carrier, options =>
        {
            options.TimeProvider = time;
            options.Broker = options.Broker with { LinkStallSeconds = 100_000 };
        });
        await using var slow = await broker.ConnectAsync("slow", keepAliveSeconds: 60);
        await slow.SubscribeAsync("flood");
        await using var publisher = await broker.ConnectAsync("publisher");
        while (broker.Broker.Statistics.Dropped(DropReason.SlowReader) == 0)
        {
            await publisher.SendAsync(WireClient.PublishBytes("flood", new byte[500_000], publisher.Version));
            await publisher.PingAsync();
        }

        for (int i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromSeconds(60));
            long before = broker.Broker.Statistics.PacketsReceived;
            await slow.SendAsync(PingPacket.Request.ToArray());
            Assert.True(SpinWait.SpinUntil(() => broker.Broker.Statistics.PacketsReceived > before, WiredBroker.Bound));
        }

        int answers = 0;
        while (answers < 3)
            answers += (await slow.ReadAsync()).Type == PacketType.PingResp ? 1 : 0;
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_long_queue_is_handed_out_as_fast_as_the_client_reads(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var publisher = await broker.ConnectAsync("publisher");
        await using var subscriber = await broker.ConnectAsync("subscriber");
        await subscriber.SubscribeAsync("queue", QoS.AtLeastOnce);
        const int Count = 300;
        for (int i = 1; i <= Count; i++)
            await publisher.SendAsync(WireClient.PublishBytes("queue", Encoding.UTF8.GetBytes(new string('q', 50_000) + i), publisher.Version, QoS.AtLeastOnce, (ushort)i));
        for (int i = 1; i <= Count; i++)
            Assert.Equal(i, (await publisher.ReadAsync()).PacketId);
        for (int i = 1; i <= Count; i++)
        {
            var seen = await subscriber.ReadAsync();
            Assert.EndsWith($"q{i}", seen.Payload, StringComparison.Ordinal);
            await subscriber.SendAsync(WireClient.Encode(new AckPacket { Type = PacketType.PubAck, PacketId = seen.PacketId }, subscriber.Version));
        }
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Clients_that_come_go_and_break_at_any_moment_disturb_nobody(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var steady = await broker.ConnectAsync("steady");
        await steady.SubscribeAsync("steady");
        await using var publisher = await broker.ConnectAsync("publisher");
        using var over = new CancellationTokenSource();
        var storm = Enumerable.Range(0, 4).Select(s => Task.Run(() => StormAsync(broker, s, over.Token))).ToArray();
        for (int i = 0; i < 300; i++)
        {
            // Also to those that are just breaking.
            await publisher.PublishAsync("storm", new string('s', 20_000));
            await publisher.PublishAsync("steady", $"{i}");
            Assert.Equal($"{i}", (await steady.ReadAsync()).Payload);
        }

        await over.CancelAsync();
        await Task.WhenAll(storm).WaitAsync(WiredBroker.Bound);
        await broker.StopAsync();
        // A last CONNECT may have met the broker's stopping and been refused.
        int came = broker.Events.Happened.Count(e => e.Kind is BrokerEventKind.Connected or BrokerEventKind.Refused);
        int went = broker.Events.Happened.Count(e => e.Kind == BrokerEventKind.Closed && e.ClientId is not null);
        Assert.Equal(came, went);
        Assert.Equal(0, broker.Broker.Statistics.ClientsConnected);
    }

    private static async Task StormAsync(WiredBroker broker, int storm, CancellationToken over)
    {
        var random = new Random(storm);
        while (!over.IsCancellationRequested)
        {
            // The same few identifiers, so that connections also take each other's sessions over.
            var client = await broker.OpenAsync();
            try
            {
                await client.SendAsync((byte[])[.. WireClient.ConnectBytes($"storm{random.Next(3)}", client.Version), .. WireClient.SubscribeBytes("storm", client.Version)]);

                // CONNACK and SUBACK; what is published meanwhile may come between them.
                for (int i = random.Next(3); i > 0; i--)
                    await client.TryReadAsync();
            }
            catch (Exception e) when (e is SocketException or Xunit.Sdk.XunitException)
            {
                // Taken over in the middle of a packet.
            }

            if (random.Next(2) == 0)
                client.Reset();
            else
                await client.DisposeAsync();
        }
    }
}
