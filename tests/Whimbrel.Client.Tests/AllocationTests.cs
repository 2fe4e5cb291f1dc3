using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Subscriptions;
using Whimbrel.Protocol;
using Whimbrel.Tests;

namespace Whimbrel.Client.Tests;

/// <summary>What a message costs in memory, to the byte, on one thread.</summary>
public class AllocationTests
{
    private const int Count = 10_000;

    [Fact]
    public void A_QoS_1_publish_with_its_acknowledgement_allocates_nothing()
    {
        ClientEngine engine = Connected(new QuietHost());
        var pool = new DeliveryPool();
        byte[] payload = new byte[100];
        byte[] answer = [(byte)((int)PacketType.PubAck << 4), 2, 0, 0];
        int delivered = 0;
        Assert.Equal(0, Measure(() =>
        {
            Delivery delivery = pool.Take();
            delivery.Begin("sensors/kitchen/temperature", payload, [], QoS.AtLeastOnce, false, long.MaxValue, 0, isAwaited: true);
            ValueTask<MqttPublishResult> publishing = delivery.Task;
            engine.Enqueue(delivery, 0);
            ReadOnlySpan<byte> sent = engine.Output.Take().Span;
            _ = FrameReader.TryRead(sent, uint.MaxValue, out Frame frame, out _, out _);
            _ = PublishPacket.TryParse(frame, ProtocolVersion.Mqtt50, out PublishPacket publish, out _);
            (answer[2], answer[3]) = ((byte)(publish.PacketId >> 8), (byte)publish.PacketId);
            engine.Receive(answer, 0, out _, out _);
            delivery.Execute();
            delivered += publishing.Result.ReasonCode == ReasonCode.Success ? 1 : 0;
        }));
        Assert.Equal(2 * Count, delivered);
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    public void A_message_for_a_raw_callback_allocates_nothing(QoS qos)
    {
        ClientEngine engine = Connected(new QuietHost());
        var client = new MqttClient("mqtt://nowhere");
        int bytes = 0;
        engine.Subscribe("a/b", new SubscriptionTerms(new SubscriptionOptions(qos)), new RawSubscription(client, "a/b", (in MqttMessageView message) => bytes += message.Payload.Length, NullLogger.Instance));
        byte[] packet = Publish(qos, 100);
        Assert.Equal(0, Measure(() =>
        {
            Assert.True(engine.Receive(packet, 0, out _, out _) == ReceiveOutcome.Raw);
            engine.DeliverRaw(packet);
            engine.Output.Clear();
        }));
        Assert.Equal(2 * Count * 100, bytes);
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    public void A_received_message_allocates_itself_and_its_payload(QoS qos)
    {
        ClientEngine engine = Connected(new QuietHost());
        var client = new MqttClient("mqtt://nowhere");
        var subscription = new MqttSubscription(client, "a/b", new MqttSubscribeOptions { QoS = (MqttQoS)qos }, null);
        engine.Subscribe("a/b", new SubscriptionTerms(new SubscriptionOptions(qos)), subscription);
        byte[] packet = Publish(qos, 100);
        _ = FrameReader.TryRead(packet, uint.MaxValue, out Frame frame, out _, out _);
        byte[] body = frame.Body.ToArray();
        object? kept = null;
        long message = Measure(() =>
        {
            _ = PublishPacket.TryParse(new Frame(PacketType.Publish, packet[0], body, 0), ProtocolVersion.Mqtt50, out PublishPacket publish, out _);
            kept = new MqttMessage(publish, "a/b", 0, null, null);
        });
        Assert.Equal(message, Measure(() =>
        {
            engine.Receive(packet, 0, out _, out _);
            Assert.True(subscription.TryRead(out MqttMessage? received));
            if (received.Token != 0)
                engine.Acknowledge(received.Token, ReasonCode.Success);
            engine.Output.Clear();
            kept = received;
        }));
        Assert.InRange(message, Count * 100, Count * 250);
        GC.KeepAlive(kept);
    }

    /// <summary>Bytes for <see cref="Count"/> times, after as many to warm up.</summary>
    private static long Measure(Action once)
    {
        for (int i = 0; i < Count; i++)
            once();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Count; i++)
            once();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static ClientEngine Connected(QuietHost host)
    {
        var engine = new ClientEngine(host, new EngineOptions());
        engine.Open(new ConnectRequest { ClientId = "c", SendTopicAliasMaximum = 10 }, 0);
        engine.Output.Clear();
        byte[] bytes = new byte[64];
        int length = new ConnAckPacket { TopicAliasMaximum = 10 }.Write(bytes, ProtocolVersion.Mqtt50);
        engine.Receive(bytes.AsSpan(0, length), 0, out _, out _);
        Assert.True(engine.IsConnected);
        return engine;
    }

    private static byte[] Publish(QoS qos, int payloadBytes)
    {
        var packet = new PublishPacket { Topic = Encoding.UTF8.GetBytes("a/b"), Payload = new byte[payloadBytes], QoS = qos, PacketId = qos == QoS.AtMostOnce ? (ushort)0 : (ushort)1 };
        byte[] bytes = new byte[packet.Measure(ProtocolVersion.Mqtt50)];
        packet.Write(bytes, ProtocolVersion.Mqtt50);
        return bytes;
    }
}
