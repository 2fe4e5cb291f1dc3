using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 4.9: the Receive Maximum of both sides.</summary>
public class FlowControlTests
{
    private readonly TestBroker _broker = new(new BrokerOptions { SysIntervalSeconds = 0, ReceiveMaximum = 2, InFlightMax = 3 });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(65_535, 3)]
    [InlineData(null, 3)]
    [Clause("MQTT-4.9.0-1")]
    public void The_window_is_the_smaller_of_the_client_s_maximum_and_the_broker_s_own(int? maximum, int window)
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: (ushort?)maximum);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 0; i < 10; i++)
            publisher.PublishSafely("t", i.ToString(), (QoS)(1 + (i % 2)));
        Assert.Equal(window, subscriber.Rest().Count);
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    [Clause("MQTT-4.9.0-2")]
    public void Random_acknowledgements_in_any_order_never_see_more_than_the_Receive_Maximum_and_nothing_is_lost()
    {
        var random = new Random(7);
        int maximum = 3;
        TestClient subscriber = _broker.Lasting("subscriber", receiveMaximum: 3);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        // What the client has to answer, and what counts against its maximum: each PUBLISH of this connection until PUBACK or PUBCOMP.
        var counted = new HashSet<ushort>();
        var open = new Dictionary<ushort, Seen>();
        var came = new HashSet<string>();
        int published = 0;
        while (came.Count < 300 || open.Count > 0)
        {
            if (published < 300 && random.Next(2) == 0)
                publisher.PublishSafely("t", (++published).ToString(), (QoS)(1 + random.Next(2)));
            if (random.Next(40) == 0)
            {
                subscriber.Cut();
                open.Clear();
                counted.Clear();
                maximum = random.Next(1, 4);
                subscriber = _broker.Lasting("subscriber", receiveMaximum: (ushort)maximum);
            }

            foreach (Seen seen in subscriber.Rest())
            {
                open[seen.PacketId] = seen;
                if (seen.Type != PacketType.Publish)
                    continue;
                came.Add(seen.Payload);
                Assert.True(counted.Add(seen.PacketId), "an identifier in use was given");
            }

            Assert.InRange(counted.Count, 0, maximum);
            if (open.Count == 0 || random.Next(3) == 0)
                continue;
            Seen next = open.Values.ElementAt(random.Next(open.Count));
            PacketType answer = next.Type == PacketType.PubRel ? PacketType.PubComp : next.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec;
            open.Remove(next.PacketId);
            if (answer != PacketType.PubRec)
                counted.Remove(next.PacketId);
            subscriber.Ack(answer, next.PacketId);
        }

        Assert.Equal(300, came.Count);
        Assert.Empty(_broker.Drops);
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce, PacketType.PubAck)]
    [InlineData(QoS.ExactlyOnce, PacketType.PubRec)]
    [Clause("MQTT-4.9.0-2")]
    public void A_refusing_acknowledgement_gives_the_quota_back_like_any_other(QoS qos, PacketType answer)
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 1);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "1", qos);
        publisher.PublishSafely("t", "2", qos);
        subscriber.Ack(answer, subscriber.Next(PacketType.Publish).PacketId, ReasonCode.UnspecifiedError);
        Assert.Equal("2", subscriber.Next(PacketType.Publish).Payload);
    }

    [Fact]
    public void Acknowledgements_for_nothing_give_nothing_back()
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 1);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "1");
        publisher.PublishSafely("t", "2");
        ushort id = subscriber.Next(PacketType.Publish).PacketId;
        foreach (ushort other in new[] { (ushort)(id + 1), (ushort)40_000 })
            subscriber.Ack(PacketType.PubAck, other).Ack(PacketType.PubComp, other).Ack(PacketType.PubRec, other, ReasonCode.UnspecifiedError);
        subscriber.Ack(PacketType.PubComp, id);
        subscriber.AssertNothing();
        subscriber.Ack(PacketType.PubAck, id).Ack(PacketType.PubAck, id);
        Assert.Equal("2", subscriber.Next(PacketType.Publish).Payload);
        subscriber.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-3.3.4-7")]
    public void A_client_may_repeat_a_QoS_2_publish_without_using_up_its_quota()
    {
        TestClient client = _broker.Connected("client");
        client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        for (int i = 0; i < 5; i++)
            client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1, duplicate: true);
        Assert.Equal(7, client.Rest().Count(seen => seen.Type == PacketType.PubRec));
        Assert.False(client.IsClosed);
        client.Publish("t", "3", QoS.ExactlyOnce, packetId: 3);
        client.AssertClosed(ReasonCode.ReceiveMaximumExceeded);
    }

    [Fact]
    [Clause("MQTT-3.3.4-7")]
    public void The_quota_of_a_client_starts_anew_with_its_connection()
    {
        TestClient client = _broker.Lasting("client");
        client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        client.Cut();
        client = _broker.Lasting("client");
        client.Publish("t", "3", QoS.ExactlyOnce, packetId: 3).Publish("t", "4", QoS.ExactlyOnce, packetId: 4);
        Assert.Equal(2, client.Rest().Count(seen => seen.Type == PacketType.PubRec));
        client.Publish("t", "5", QoS.AtLeastOnce, packetId: 5);
        client.AssertClosed(ReasonCode.ReceiveMaximumExceeded);
    }

    [Fact]
    [Clause("MQTT-4.9.0-3")]
    public void A_client_at_its_limit_is_still_answered_everything_else()
    {
        TestClient client = _broker.Connected("client");
        client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2).Rest();
        client.Publish("t", "0");
        Assert.Equal(PacketType.SubAck, client.Subscribe("s").Type);
        Assert.Equal(PacketType.UnsubAck, client.Unsubscribe(11, "s").Type);
        client.SendBytes(PingPacket.Request).Next(PacketType.PingResp);
        client.Ack(PacketType.PubRel, 2).Next(PacketType.PubComp);
        client.Publish("t", "3", QoS.AtLeastOnce, packetId: 3).Next(PacketType.PubAck);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    public void Before_5_0_a_client_cannot_be_told_a_maximum_and_has_none(ProtocolVersion version)
    {
        TestClient client = _broker.Connected("client", version);
        for (ushort id = 1; id <= 1000; id++)
            client.Publish("t", "x", QoS.ExactlyOnce, packetId: id);
        Assert.Equal(1000, client.Rest().Count);
        Assert.False(client.IsClosed);
    }
}
