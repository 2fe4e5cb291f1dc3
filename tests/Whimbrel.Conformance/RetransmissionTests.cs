using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 4.4: what is sent again when a session is resumed, and what is not.</summary>
public class RetransmissionTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.4.0-1")]
    public void QoS_0_never_comes_again(ProtocolVersion version)
    {
        TestClient subscriber = _broker.Lasting("subscriber", version);
        subscriber.Subscribe("t");
        _broker.Connected("publisher", version).Publish("t", "0");
        subscriber.Cut();
        _broker.Lasting("subscriber", version).AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.3.3-10")]
    [Clause("MQTT-4.3.2-5")]
    [Clause311("MQTT-4.3.3-2")]
    [Clause311("MQTT-4.3.2-2")]
    public void A_client_s_second_attempt_is_told_by_its_identifier_and_not_by_DUP(ProtocolVersion version)
    {
        TestClient subscriber = _broker.Connected("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher", version);
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 5, duplicate: true).Publish("t", "1", QoS.ExactlyOnce, packetId: 5);
        publisher.Publish("t", "2", QoS.AtLeastOnce, packetId: 6, duplicate: true).Publish("t", "3", QoS.AtLeastOnce, packetId: 6, duplicate: true);
        Assert.Equal(["1", "2", "3"], subscriber.ReceiveAll().Payloads());
        Assert.Equal([5, 5, 6, 6], publisher.Rest().Select(seen => (int)seen.PacketId));
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.4.0-1")]
    [Clause("MQTT-4.6.0-1")]
    [Clause311("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.6.0-1")]
    public void However_often_the_connection_is_lost_everything_comes_again_in_its_first_order(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 5 });
        TestClient subscriber = broker.Lasting("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = broker.Connected("publisher", version);
        for (int i = 1; i <= 8; i++)
            publisher.PublishSafely("t", i.ToString(), (QoS)(1 + (i % 2)));
        List<Seen> first = subscriber.Rest();
        Assert.Equal(["1", "2", "3", "4", "5"], first.Payloads());
        for (int round = 0; round < 3; round++)
        {
            subscriber.Cut();
            subscriber = broker.Lasting("subscriber", version);
            List<Seen> again = subscriber.Rest();
            Assert.Equal(first.Select(seen => (seen.PacketId, seen.Payload, seen.QoS)), again.Select(seen => (seen.PacketId, seen.Payload, seen.QoS)));
            Assert.All(again, seen => Assert.True(seen.Duplicate));
        }

        // The rest comes as what it is: first attempts.
        foreach (Seen seen in first)
            subscriber.Ack(seen.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, seen.PacketId);
        List<Seen> rest = subscriber.ReceiveAll();
        Assert.Equal(["6", "7", "8"], rest.Payloads());
        Assert.All(rest, seen => Assert.False(seen.Duplicate));
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.4.0-1")]
    [Clause("MQTT-4.6.0-4")]
    [Clause311("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.6.0-4")]
    public void PUBRELs_come_again_in_the_order_of_the_PUBRECs_and_their_PUBLISH_packets_do_not(ProtocolVersion version)
    {
        TestClient subscriber = _broker.Lasting("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher", version);
        for (int i = 0; i < 6; i++)
            publisher.PublishSafely("t", i.ToString(), QoS.ExactlyOnce);
        ushort[] ids = [.. subscriber.Rest().Select(seen => seen.PacketId)];
        foreach (int index in new[] { 4, 0, 2 })
            subscriber.Ack(PacketType.PubRec, ids[index]);
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber", version);
        List<Seen> again = subscriber.Rest();
        Assert.Equal([ids[4], ids[0], ids[2]], again.Where(seen => seen.Type == PacketType.PubRel).Select(seen => seen.PacketId));
        Assert.Equal([ids[1], ids[3], ids[5]], again.Where(seen => seen.Type == PacketType.Publish).Select(seen => seen.PacketId));
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    [Clause("MQTT-3.3.4-10")]
    [Clause("MQTT-4.4.0-1")]
    public void PUBRELs_do_not_wait_for_a_smaller_Receive_Maximum_and_their_PUBCOMPs_do_not_open_it_further()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 0; i < 6; i++)
            publisher.PublishSafely("t", i.ToString(), QoS.ExactlyOnce);
        ushort[] ids = [.. subscriber.Rest().Select(seen => seen.PacketId)];
        subscriber.Ack(PacketType.PubRec, ids[0]).Ack(PacketType.PubRec, ids[5]);
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber", receiveMaximum: 2);
        int unacknowledged = 0;
        var completed = new List<ushort>();
        var released = new Queue<ushort>();
        for (List<Seen> came = subscriber.Rest(); came.Count > 0 || released.Count > 0; came = subscriber.Rest())
        {
            foreach (Seen seen in came.Where(seen => seen.Type == PacketType.PubRel))
                released.Enqueue(seen.PacketId);
            unacknowledged += came.Count(seen => seen.Type == PacketType.Publish);
            Assert.InRange(unacknowledged, 0, 2);
            foreach (Seen seen in came.Where(seen => seen.Type == PacketType.Publish))
                subscriber.Ack(PacketType.PubRec, seen.PacketId);
            if (released.TryDequeue(out ushort id))
            {
                unacknowledged -= id == ids[0] || id == ids[5] ? 0 : 1;
                completed.Add(id);
                subscriber.Ack(PacketType.PubComp, id);
            }
        }

        Assert.Equal([ids[0], ids[5], .. ids[1..5]], completed);
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    public void What_waits_for_the_window_again_is_not_overtaken_by_new_messages()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 1; i <= 3; i++)
            publisher.PublishSafely("t", i.ToString());
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber", receiveMaximum: 1);
        publisher.PublishSafely("t", "4");
        Seen first = subscriber.Next(PacketType.Publish);
        publisher.PublishSafely("t", "5");
        subscriber.AssertNothing();
        subscriber.Ack(PacketType.PubAck, first.PacketId);
        Assert.Equal(["2", "3", "4", "5"], subscriber.ReceiveAll().Payloads());
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    public void A_second_loss_in_the_middle_of_sending_again_begins_anew_with_what_is_left()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 1; i <= 5; i++)
            publisher.PublishSafely("t", i.ToString());
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber", receiveMaximum: 2);
        List<Seen> two = subscriber.Rest();
        subscriber.Ack(PacketType.PubAck, two[1].PacketId);
        Assert.Equal(["3"], subscriber.Rest().Payloads());
        subscriber.Cut();
        List<Seen> again = _broker.Lasting("subscriber").ReceiveAll();
        Assert.Equal(["1", "3", "4", "5"], again.Payloads());
        Assert.All(again, seen => Assert.True(seen.Duplicate));
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    [Clause("MQTT-3.3.1-13")]
    public void A_second_attempt_says_what_the_first_said_beside_DUP()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t/+", QoS.ExactlyOnce, options: 8, identifier: 5);
        TestClient publisher = _broker.Connected("publisher");
        byte[] properties = [0x26, 0, 1, (byte)'a', 0, 1, (byte)'b'];
        publisher.PublishSafely("t/x", new string('x', 5000), QoS.ExactlyOnce, retain: true, properties: properties);
        Seen first = subscriber.Next(PacketType.Publish);
        // Whatever becomes of the subscription meanwhile.
        subscriber.Unsubscribe(2, "t/+");
        subscriber.Cut();
        Seen again = _broker.Lasting("subscriber").Next(PacketType.Publish);
        Assert.Equal(
            (first.PacketId, first.Topic, first.Payload, first.QoS, true, true, 5u),
            (again.PacketId, again.Topic, again.Payload, again.QoS, again.Retain, again.Duplicate, again.SubscriptionIds.Single()));
        Assert.Equal(properties, again.Properties);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50)]
    [InlineData(ProtocolVersion.Mqtt50, ProtocolVersion.Mqtt311)]
    [InlineData(ProtocolVersion.Mqtt50, ProtocolVersion.Mqtt31)]
    [Clause("MQTT-4.4.0-1")]
    [Clause311("MQTT-4.4.0-1")]
    public void A_session_may_be_resumed_in_another_version(ProtocolVersion before, ProtocolVersion after)
    {
        TestClient subscriber = _broker.Lasting("subscriber", before);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "1", expiry: 1000);
        publisher.PublishSafely("t", "2", QoS.ExactlyOnce);
        Seen second = subscriber.Rest()[1];
        subscriber.Ack(PacketType.PubRec, second.PacketId);
        subscriber.Cut();
        publisher.PublishSafely("t", "3");
        subscriber = _broker.Lasting("subscriber", after);
        List<Seen> came = subscriber.Rest();
        Assert.Equal(["1", "3"], came.Payloads());
        Assert.Equal(second.PacketId, Assert.Single(came, seen => seen.Type == PacketType.PubRel).PacketId);
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    public void A_clean_start_is_sent_nothing_again()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "in flight", QoS.ExactlyOnce);
        subscriber.Cut();
        publisher.PublishSafely("t", "queued", QoS.ExactlyOnce);
        _broker.Connected("subscriber").AssertNothing();
        Assert.Contains(DropReason.SessionEnded, _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-4.4.0-1")]
    public void What_comes_again_waits_for_a_link_that_is_full_and_loses_nothing()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, LinkHighWaterBytes = 1024 });
        TestClient subscriber = broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = broker.Connected("publisher");
        for (int i = 0; i < 50; i++)
            publisher.PublishSafely("t", i + new string('x', 100));
        Assert.Equal(50, subscriber.Rest().Count);
        subscriber.Cut();
        subscriber = broker.Open();
        subscriber.Link.PeerReads = false;
        subscriber.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "subscriber"u8, SessionExpirySeconds = 100 });
        Assert.InRange(subscriber.Link.PendingBytes, 1024, 1300);
        publisher.PublishSafely("t", "last");
        subscriber.Link.PeerReads = true;
        broker.Do(_ => subscriber.Link.Flush());
        List<Seen> came = subscriber.ReceiveAll();
        Assert.Equal([.. Enumerable.Range(0, 50).Select(i => i + new string('x', 100)), "last"], came.Payloads());
    }
}
