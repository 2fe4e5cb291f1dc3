using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>The QoS protocols, what is sent again, order and flow control (sections 4.3 to 4.6 and 4.9).</summary>
public class QoSFlowTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<ProtocolVersion> Versions() => [ProtocolVersion.Mqtt31, ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50];

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.4-1")]
    [Clause("MQTT-4.3.2-4")]
    [Clause("MQTT-4.3.2-5")]
    [Clause311("MQTT-3.3.4-1")]
    [Clause311("MQTT-4.3.2-2")]
    public void QoS_1_in_is_acknowledged_and_its_identifier_is_new_again(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("t", "zero").AssertNothing();
        Assert.Equal(77, publisher.Publish("t", "one", QoS.AtLeastOnce, packetId: 77).Next(PacketType.PubAck).PacketId);
        Assert.Equal(77, publisher.Publish("t", "again", QoS.AtLeastOnce, packetId: 77, duplicate: true).Next(PacketType.PubAck).PacketId);
        Assert.Equal(["zero", "one", "again"], subscriber.ReceiveAll().Select(seen => seen.Payload));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.3.3-8")]
    [Clause("MQTT-4.3.3-10")]
    [Clause("MQTT-4.3.3-11")]
    [Clause("MQTT-4.3.3-12")]
    [Clause311("MQTT-4.3.3-2")]
    public void QoS_2_in_is_delivered_once_however_often_it_is_repeated_until_PUBREL(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher", version);
        for (int i = 0; i < 3; i++)
            Assert.Equal(5, publisher.Publish("t", "once", QoS.ExactlyOnce, packetId: 5, duplicate: i > 0).Next(PacketType.PubRec).PacketId);
        Assert.Equal(5, publisher.Ack(PacketType.PubRel, 5).Next(PacketType.PubComp).PacketId);
        publisher.Publish("t", "a new one", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec);
        Assert.Equal(["once", "a new one"], subscriber.ReceiveAll().Select(seen => seen.Payload));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.3.3-10")]
    [Clause311("MQTT-4.3.3-2")]
    public void QoS_2_in_is_delivered_once_over_a_lost_connection(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Lasting("publisher", version);
        publisher.Publish("t", "once", QoS.ExactlyOnce, packetId: 5);
        publisher.Cut();
        publisher = Lasting("publisher", version);
        publisher.Publish("t", "once", QoS.ExactlyOnce, packetId: 5, duplicate: true).Next(PacketType.PubRec);
        publisher.Cut();
        publisher = Lasting("publisher", version);
        Assert.Equal(ReasonCode.Success, publisher.Ack(PacketType.PubRel, 5).Next(PacketType.PubComp).Reason);
        Assert.Single(subscriber.ReceiveAll());
    }

    [Fact]
    [Clause("MQTT-4.3.3-9")]
    public void After_a_refusing_PUBREC_the_identifier_is_new()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, RetainedMessagesMax = 0 });
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Publish("t", "x", QoS.ExactlyOnce, retain: true, packetId: 5).Next(PacketType.PubRec).Reason);
        Assert.Equal(ReasonCode.Success, publisher.Publish("t", "y", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec).Reason);
        Assert.Equal(["y"], subscriber.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void An_unknown_identifier_is_answered_with_0x92()
    {
        TestClient client = Connected("client");
        Assert.Equal(ReasonCode.PacketIdentifierNotFound, client.Ack(PacketType.PubRel, 9).Next(PacketType.PubComp).Reason);
        Assert.Equal(ReasonCode.PacketIdentifierNotFound, client.Ack(PacketType.PubRec, 9).Next(PacketType.PubRel).Reason);
        client.Ack(PacketType.PubAck, 9).Ack(PacketType.PubComp, 9).AssertNothing();
        Assert.False(client.IsClosed);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.3.2-1")]
    [Clause("MQTT-4.3.3-1")]
    [Clause("MQTT-4.3.2-3")]
    [Clause("MQTT-4.3.3-3")]
    [Clause("MQTT-4.3.3-5")]
    [Clause311("MQTT-4.3.2-1")]
    [Clause311("MQTT-4.3.3-1")]
    public void No_identifier_is_given_out_twice_while_it_is_in_flight(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = ushort.MaxValue, OutboxMessagesMax = 100_000 });
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int i = 0; i < 65_535; i++)
            publisher.Publish("t", "x", (QoS)(1 + (i % 2)), packetId: (ushort)(1 + (i % 500))).Ack(PacketType.PubRel, (ushort)(1 + (i % 500)));
        List<Seen> first = subscriber.Rest();
        Assert.Equal(65_535, first.Select(seen => seen.PacketId).Distinct().Count());
        // Everything is taken: one more has to wait until one is free, and gets just that one.
        publisher.Publish("t", "late", QoS.AtLeastOnce, packetId: 501);
        subscriber.AssertNothing();
        Seen freed = first.First(seen => seen.QoS == QoS.AtLeastOnce);
        subscriber.Ack(PacketType.PubAck, freed.PacketId);
        Assert.Equal(("late", freed.PacketId), subscriber.Rest().Select(seen => (seen.Payload, seen.PacketId)).Single());
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.3.3-4")]
    [Clause("MQTT-4.3.3-6")]
    [Clause("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.3.3-1")]
    public void QoS_2_out_goes_on_from_PUBREL_after_a_lost_connection(ProtocolVersion version)
    {
        TestClient subscriber = Lasting("subscriber", version);
        subscriber.Subscribe("t");
        Connected("publisher", version).Publish("t", "x", QoS.ExactlyOnce);
        Seen publish = subscriber.Next(PacketType.Publish);
        Assert.Equal(publish.PacketId, subscriber.Ack(PacketType.PubRec, publish.PacketId).Next(PacketType.PubRel).PacketId);
        subscriber.Cut();
        subscriber = Lasting("subscriber", version);
        Assert.Equal(publish.PacketId, subscriber.Next(PacketType.PubRel).PacketId);
        subscriber.Ack(PacketType.PubComp, publish.PacketId).AssertNothing();
        subscriber.Cut();
        Lasting("subscriber", version).AssertNothing();
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-1")]
    [Clause("MQTT-4.4.0-1")]
    [Clause("MQTT-4.6.0-1")]
    [Clause("MQTT-4.5.0-1")]
    [Clause("MQTT-4.1.0-1")]
    [Clause311("MQTT-3.3.1-1")]
    [Clause311("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.6.0-1")]
    [Clause311("MQTT-4.5.0-1")]
    [Clause311("MQTT-4.1.0-1")]
    public void What_was_not_acknowledged_comes_again_with_DUP_in_its_order_under_its_identifiers_and_then_the_rest(ProtocolVersion version)
    {
        TestClient subscriber = Lasting("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher", version);
        for (ushort i = 1; i <= 5; i++)
            publisher.Publish("t", i.ToString(), (QoS)(1 + (i % 2)), packetId: i);
        List<Seen> first = subscriber.Rest();
        subscriber.Ack(first[1].QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, first[1].PacketId);
        subscriber.Rest();
        subscriber.Cut();
        publisher.Publish("t", "6", QoS.AtLeastOnce, packetId: 6);
        _broker.Advance(1000);
        subscriber = Lasting("subscriber", version);
        List<Seen> again = subscriber.Rest();
        Assert.Equal(["1", "3", "4", "5", "6"], again.Select(seen => seen.Payload));
        Assert.Equal([true, true, true, true, false], again.Select(seen => seen.Duplicate));
        Assert.Equal([first[0].PacketId, first[2].PacketId, first[3].PacketId, first[4].PacketId], again.Take(4).Select(seen => seen.PacketId));
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    public void Nothing_is_sent_again_by_time()
    {
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("t");
        Connected("publisher").Publish("t", "x", QoS.AtLeastOnce);
        subscriber.Next(PacketType.Publish);
        _broker.Advance(3600);
        subscriber.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-4.4.0-2")]
    public void A_refusing_acknowledgement_ends_the_delivery_by_name()
    {
        TestClient subscriber = Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher");
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        List<Seen> got = subscriber.Rest();
        subscriber.Ack(PacketType.PubAck, got[0].PacketId, ReasonCode.PayloadFormatInvalid).Ack(PacketType.PubRec, got[1].PacketId, ReasonCode.PayloadFormatInvalid);
        subscriber.Cut();
        Lasting("subscriber").AssertNothing();
        Assert.Equal([DropReason.RefusedByClient, DropReason.RefusedByClient], _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-4.3.3-7")]
    [Clause("MQTT-4.3.3-13")]
    public void Expiry_does_not_touch_a_delivery_that_has_begun()
    {
        TestClient subscriber = Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher");
        publisher.Publish("t", "x", QoS.ExactlyOnce, packetId: 3, expiry: 1);
        Seen first = subscriber.Next(PacketType.Publish);
        subscriber.Cut();
        _broker.Advance(10);
        subscriber = Lasting("subscriber");
        Seen again = subscriber.Next(PacketType.Publish);
        Assert.Equal((first.PacketId, true), (again.PacketId, again.Duplicate));
        Assert.Equal(again.PacketId, subscriber.Ack(PacketType.PubRec, again.PacketId).Next(PacketType.PubRel).PacketId);
        // The publisher's own exchange goes on as well.
        publisher.Next(PacketType.PubRec);
        publisher.Ack(PacketType.PubRel, 3).Next(PacketType.PubComp);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.6.0-5")]
    [Clause("MQTT-4.6.0-6")]
    [Clause311("MQTT-4.6.0-5")]
    [Clause311("MQTT-4.6.0-6")]
    public void Messages_of_one_publisher_topic_and_QoS_stay_in_order_online_and_through_the_queue(ProtocolVersion version)
    {
        TestClient subscriber = Lasting("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher", version);
        for (int i = 0; i < 400; i++)
            publisher.Publish("t", i.ToString(), (QoS)(i % 3), packetId: (ushort)(i + 1)).Ack(PacketType.PubRel, (ushort)(i + 1));
        List<Seen> got = subscriber.ReceiveAll();
        subscriber.Cut();
        for (int i = 400; i < 700; i++)
            publisher.Publish("t", i.ToString(), (QoS)(1 + (i % 2)), packetId: (ushort)(i + 1)).Ack(PacketType.PubRel, (ushort)(i + 1));
        got.AddRange(Lasting("subscriber", version).ReceiveAll());
        foreach (QoS qos in Enum.GetValues<QoS>())
        {
            int[] numbers = [.. got.Where(seen => seen.QoS == qos).Select(seen => int.Parse(seen.Payload))];
            Assert.Equal(numbers.Order(), numbers);
        }

        Assert.Equal(700, got.Count);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-4.6.0-2")]
    [Clause("MQTT-4.6.0-3")]
    [Clause("MQTT-4.6.0-4")]
    [Clause311("MQTT-4.6.0-2")]
    [Clause311("MQTT-4.6.0-3")]
    [Clause311("MQTT-4.6.0-4")]
    public void Acknowledgements_leave_in_the_order_of_what_they_acknowledge(ProtocolVersion version)
    {
        TestClient publisher = Connected("publisher", version);
        ushort[] ids = [9, 3, 700, 1, 65_535];
        foreach (ushort id in ids)
            publisher.Publish("t", "x", QoS.AtLeastOnce, packetId: id);
        Assert.Equal(ids, publisher.Rest().Select(seen => seen.PacketId));
        foreach (ushort id in ids)
            publisher.Publish("t", "x", QoS.ExactlyOnce, packetId: id);
        Assert.Equal(ids, publisher.Rest().Select(seen => seen.PacketId));

        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("u");
        for (ushort i = 1; i <= 3; i++)
            publisher.Publish("u", "x", QoS.ExactlyOnce, packetId: i);
        ushort[] shuffled = [.. subscriber.Rest().Select(seen => seen.PacketId).Reverse()];
        foreach (ushort id in shuffled)
            subscriber.Ack(PacketType.PubRec, id);
        Assert.Equal(shuffled, subscriber.Rest().Select(seen => seen.PacketId));
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    [Clause("MQTT-3.3.4-10")]
    [Clause("MQTT-4.9.0-1")]
    [Clause("MQTT-4.9.0-2")]
    [Clause("MQTT-4.9.0-3")]
    public void The_client_s_Receive_Maximum_is_never_exceeded_and_stops_nothing_else()
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 2);
        subscriber.Subscribe("t");
        subscriber.Subscribe("zero", QoS.AtMostOnce);
        TestClient publisher = Connected("publisher");
        for (ushort i = 1; i <= 5; i++)
            publisher.Publish("t", i.ToString(), (QoS)(1 + (i % 2)), packetId: i);
        List<Seen> window = subscriber.Rest();
        Assert.Equal(2, window.Count);
        // QoS 0, PINGRESP and SUBACK pass a full window.
        publisher.Publish("zero", "passes");
        Assert.Equal("passes", subscriber.Next(PacketType.Publish).Payload);
        subscriber.SendBytes(PingPacket.Request).Next(PacketType.PingResp);
        Assert.Equal(PacketType.SubAck, subscriber.Subscribe("more").Type);
        // PUBREC gives nothing back, PUBCOMP does.
        Seen two = window.Single(seen => seen.QoS == QoS.ExactlyOnce);
        subscriber.Ack(PacketType.PubRec, two.PacketId).Next(PacketType.PubRel);
        subscriber.AssertNothing();
        subscriber.Ack(PacketType.PubComp, two.PacketId);
        Assert.Single(subscriber.Rest());
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    [Clause("MQTT-4.4.0-1")]
    public void A_resumed_session_keeps_to_a_smaller_Receive_Maximum_than_it_has_in_flight()
    {
        TestClient subscriber = Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher");
        for (ushort i = 1; i <= 6; i++)
            publisher.Publish("t", i.ToString(), QoS.AtLeastOnce, packetId: i);
        Assert.Equal(6, subscriber.Rest().Count);
        subscriber.Cut();
        subscriber = _broker.Open();
        subscriber.Connect("subscriber", clean: false, expiry: 1000, receiveMaximum: 2);
        publisher.Publish("t", "7", QoS.AtLeastOnce, packetId: 7);
        var got = new List<string>();
        for (List<Seen> window = subscriber.Rest(); window.Count > 0; window = subscriber.Rest())
        {
            Assert.InRange(window.Count, 1, 2);
            got.AddRange(window.Select(seen => seen.Payload));
            subscriber.Ack(PacketType.PubAck, window[0].PacketId);
            if (window.Count > 1)
                subscriber.Ack(PacketType.PubAck, window[1].PacketId);
        }

        Assert.Equal(["1", "2", "3", "4", "5", "6", "7"], got);
    }

    [Fact]
    public void A_client_that_never_sends_PUBCOMP_does_not_make_its_session_grow_with_every_connection()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 4 });
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int round = 0; round < 5; round++)
        {
            TestClient subscriber = broker.Open();
            subscriber.Connect("subscriber", clean: false, expiry: 1000);
            subscriber.Subscribe("t");
            for (ushort i = 1; i <= 10; i++)
                publisher.Publish("t", "x", QoS.ExactlyOnce, packetId: i).Ack(PacketType.PubRel, i);
            foreach (Seen seen in subscriber.Rest().Where(seen => seen.Type == PacketType.Publish))
                subscriber.Ack(PacketType.PubRec, seen.PacketId);
            subscriber.Cut();
            Assert.InRange(broker.Core.DescribeClients().Single(client => client.ClientId == "subscriber").InFlight, 0, 4);
        }
    }

    [Fact]
    [Clause("MQTT-3.3.4-7")]
    public void A_client_that_exceeds_the_announced_Receive_Maximum_is_told_0x93()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, ReceiveMaximum = 2 });
        TestClient client = broker.Open();
        Assert.Equal((ushort)2, client.Connect("client").ReceiveMaximum);
        client.Publish("t", "1", QoS.ExactlyOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        client.Rest();
        client.Ack(PacketType.PubRel, 1).Next(PacketType.PubComp);
        client.Publish("t", "3", QoS.ExactlyOnce, packetId: 3).Next(PacketType.PubRec);
        client.Publish("t", "4", QoS.AtLeastOnce, packetId: 4);
        client.AssertClosed(ReasonCode.ReceiveMaximumExceeded);
    }

    private TestClient Connected(string name, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version);
        return client;
    }

    /// <summary>A connection to a session that lasts, new or resumed.</summary>
    private TestClient Lasting(string name, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, clean: false, expiry: version == ProtocolVersion.Mqtt50 ? 10_000u : null);
        return client;
    }
}
