using System.Net.Sockets;
using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd;

/// <summary>Bytes come in every way in which a network can bring them.</summary>
public class ReceivingTests
{
    public static TheoryData<Carrier> Carriers => WiredBroker.Carriers;

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Packets_that_arrive_byte_by_byte_are_understood(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var client = await broker.OpenAsync();
        byte[] bytes =
        [
            .. WireClient.ConnectBytes("bytewise", client.Version),
            .. WireClient.SubscribeBytes("a/#", client.Version),
            .. WireClient.PublishBytes("a/b", Encoding.UTF8.GetBytes(new string('x', 200)), client.Version),
        ];
        foreach (byte one in bytes)
            await client.SendAsync(new[] { one });
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync()).Type);
        Assert.Equal(PacketType.SubAck, (await client.ReadAsync()).Type);
        Assert.Equal(new string('x', 200), (await client.ReadAsync()).Payload);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_thousand_packets_in_one_write_are_all_answered_in_order(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var subscriber = await broker.ConnectAsync("subscriber");
        await subscriber.SubscribeAsync("n");
        await using var client = await broker.OpenAsync();
        var bytes = new List<byte>(WireClient.ConnectBytes("pipelining", client.Version));
        for (int i = 1; i <= 1000; i++)
            bytes.AddRange(WireClient.PublishBytes("n", Encoding.UTF8.GetBytes($"{i}"), client.Version, QoS.AtLeastOnce, (ushort)i));
        await client.SendAsync(bytes.ToArray());
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync()).Type);
        for (int i = 1; i <= 1000; i++)
            Assert.Equal(i, (await client.ReadAsync()).PacketId);
        for (int i = 1; i <= 1000; i++)
            Assert.Equal($"{i}", (await subscriber.ReadAsync()).Payload);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Pieces_of_every_size_give_the_same_packets(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var subscriber = await broker.ConnectAsync("subscriber");
        await subscriber.SubscribeAsync("p");
        await using var client = await broker.ConnectAsync("pieces");
        var random = new Random(5);
        var payloads = new List<string>();
        var bytes = new List<byte>();
        for (int i = 0; i < 300; i++)
        {
            int length = random.Next(4) switch { 0 => random.Next(20), 1 => random.Next(5000), 2 => random.Next(70_000), _ => 1000 };
            payloads.Add(string.Concat(Enumerable.Repeat($"{i};", 1 + (length / 4))));
            bytes.AddRange(WireClient.PublishBytes("p", Encoding.UTF8.GetBytes(payloads[i]), client.Version));
        }

        byte[] all = [.. bytes];
        var sending = Task.Run(async () =>
        {
            for (int sent = 0; sent < all.Length;)
            {
                int piece = Math.Min(all.Length - sent, random.Next(3) switch { 0 => 1 + random.Next(5), 1 => 1 + random.Next(3000), _ => 1 + random.Next(200_000) });
                await client.SendAsync(all.AsMemory(sent, piece));
                sent += piece;
            }
        });
        foreach (string payload in payloads)
            Assert.Equal(payload, (await subscriber.ReadAsync()).Payload);
        await sending.WaitAsync(WiredBroker.Bound);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_disconnect_and_a_FIN_in_one_segment_are_a_clean_end(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var watcher = await broker.ConnectAsync("watcher");
        await watcher.SubscribeAsync("wills/#");
        await using var client = await broker.ConnectAsync("polite", will: "wills/polite");
        await client.SendAsync(WireClient.Encode(new DisconnectPacket { Reason = ReasonCode.Success }, client.Version));
        client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(CloseReason.ClientDisconnected, (await broker.Events.ClosedAsync("polite")).CloseReason);
        Assert.Empty(await client.ReadToEndAsync());

        // Had the will been published, it would come before this.
        await watcher.PingAsync();
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task What_was_sent_before_a_close_is_processed_before_the_close(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var subscriber = await broker.ConnectAsync("subscriber");
        await subscriber.SubscribeAsync("#");
        for (int round = 0; round < 20; round++)
        {
            await using var client = await broker.ConnectAsync($"brief{round}", will: "will");
            byte[] message = WireClient.PublishBytes("last", Encoding.UTF8.GetBytes($"{round}"), client.Version);
            byte[] goodbye = WireClient.Encode(new DisconnectPacket { Reason = ReasonCode.Success }, client.Version);
            await client.SendAsync((byte[])[.. message, .. goodbye]);
            client.Socket.Dispose();
            Assert.Equal($"{round}", (await subscriber.ReadAsync()).Payload);
            Assert.Equal(CloseReason.ClientDisconnected, (await broker.Events.ClosedAsync($"brief{round}")).CloseReason);
        }
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_close_without_disconnect_publishes_the_will(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var watcher = await broker.ConnectAsync("watcher");
        await watcher.SubscribeAsync("wills/#");
        await using var client = await broker.ConnectAsync("rude", will: "wills/rude");
        client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal("wills/rude", (await watcher.ReadAsync()).Topic);
        Assert.Equal(CloseReason.PeerClosed, (await broker.Events.ClosedAsync("rude")).CloseReason);
        Assert.Empty(await client.ReadToEndAsync());
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_reset_is_told_from_a_close(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var watcher = await broker.ConnectAsync("watcher");
        await watcher.SubscribeAsync("wills/#");
        var client = await broker.ConnectAsync("broken", will: "wills/broken");
        client.Reset();
        Assert.Equal("wills/broken", (await watcher.ReadAsync()).Topic);
        Assert.Equal(CloseReason.PeerReset, (await broker.Events.ClosedAsync("broken")).CloseReason);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_refusal_reaches_a_client_that_has_sent_more_than_CONNECT(Carrier carrier)
    {
        await using var broker = await WiredBroker.StartAsync(carrier);
        await using var client = await broker.OpenAsync();
        client.Version = ProtocolVersion.Mqtt311;
        byte[] connect = WireClient.ConnectBytes("future", client.Version);
        connect[8] = 9; // the protocol level
        var sending = Task.Run(async () =>
        {
            try
            {
                await client.SendAsync((byte[])[.. connect, .. new byte[400_000]]);
            }
            catch (SocketException)
            {
                // The broker need not take all of it.
            }
        });
        Assert.Equal(ConnectReturnCode.UnacceptableProtocolVersion, (await client.ReadAsync()).ReturnCode);
        await sending.WaitAsync(WiredBroker.Bound);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_silent_client_is_closed_after_one_and_a_half_keep_alive_intervals(Carrier carrier)
    {
        var time = new SettableTime();
        await using var broker = await WiredBroker.StartAsync(carrier, options => options.TimeProvider = time);
        await using var client = await broker.ConnectAsync("silent", keepAliveSeconds: 60);
        time.Advance(TimeSpan.FromSeconds(89));
        await client.PingAsync();
        time.Advance(TimeSpan.FromSeconds(91));
        Assert.Equal(ReasonCode.KeepAliveTimeout, (await client.ReadAsync()).Reason);
        Assert.Null(await client.TryReadAsync());
        Assert.Equal(CloseReason.KeepAliveTimeout, (await broker.Events.ClosedAsync("silent")).CloseReason);
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task A_connection_that_says_nothing_is_closed_after_the_connect_timeout(Carrier carrier)
    {
        var time = new SettableTime();
        await using var broker = await WiredBroker.StartAsync(carrier, options => options.TimeProvider = time);
        await using var first = await broker.ConnectAsync("first");
        await using var mute = await broker.OpenAsync();

        // Accepted in order, so the mute one has been accepted when this has its answer on the same loop or, on two, has been seen.
        await using var second = await broker.ConnectAsync("second");
        await using var third = await broker.ConnectAsync("third");
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Null(await mute.TryReadAsync());
        Assert.Equal(CloseReason.ConnectTimeout, (await broker.Events.WaitAsync(e => e.Kind == BrokerEventKind.Closed)).CloseReason);
    }
}
