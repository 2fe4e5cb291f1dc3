using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What says that something is safe leaves when it is; everything else leaves at once.</summary>
public class HeldPacketTests
{
    private readonly TestBroker _broker = DurableBroker.New();

    [Theory]
    [InlineData(QoS.AtLeastOnce, PacketType.PubAck)]
    [InlineData(QoS.ExactlyOnce, PacketType.PubRec)]
    public void A_publish_for_a_lasting_session_is_acknowledged_when_the_disk_has_it(QoS qos, PacketType ack)
    {
        _broker.Absent("absent", "t");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", qos);
        Assert.Empty(publisher.Rest());
        _broker.Commit();
        Assert.Equal(ack, Assert.Single(publisher.Rest()).Type);
    }

    [Fact]
    public void A_publish_that_nothing_must_keep_is_acknowledged_at_once()
    {
        _broker.Passing("subscriber").Subscribe("t");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", QoS.AtLeastOnce);
        Assert.Equal(PacketType.PubAck, Assert.Single(publisher.Rest()).Type);
    }

    [Fact]
    public void Acknowledgements_keep_the_order_of_the_publishes_when_only_some_must_wait()
    {
        _broker.Absent("absent", "kept");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("kept", "1", QoS.AtLeastOnce, packetId: 1).Publish("free", "2", QoS.AtLeastOnce, packetId: 2);
        Assert.Empty(publisher.Rest());
        _broker.Commit();
        Assert.Equal([1, 2], publisher.Rest().Select(ack => (int)ack.PacketId));
    }

    [Fact]
    public void A_QoS_1_message_does_not_wait_for_the_disk_on_its_way_to_a_subscriber_and_a_QoS_2_message_does()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        Assert.Equal(["1"], subscriber.Rest().Payloads());
        // What follows does not overtake it.
        publisher.Publish("t", "3", QoS.AtLeastOnce, packetId: 3).Publish("t", "4");
        Assert.Empty(subscriber.Rest());
        _broker.Commit();
        Assert.Equal(["2", "3", "4"], subscriber.Rest().Payloads());
    }

    [Fact]
    [Clause("MQTT-3.3.2-5")]
    public void A_QoS_2_message_that_expires_while_it_waits_for_the_disk_is_not_sent()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 1, expiry: 5).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        _broker.Advance(6);
        _broker.Commit();
        Assert.Equal(["2"], subscriber.Rest().Payloads());
        Assert.Equal([DropReason.Expired], _broker.Drops);
    }

    [Fact]
    public void SUBACK_and_UNSUBACK_wait_for_the_disk_in_a_lasting_session_and_in_no_other()
    {
        TestClient lasting = _broker.Lasting("lasting");
        TestClient passing = _broker.Passing("passing");
        _broker.IsDiskSlow = true;
        foreach (TestClient client in new[] { lasting, passing })
            client.Send(new SubscribePacket { PacketId = 1, EncodedFilters = [0, 1, (byte)'t', 1] }).Send(new UnsubscribePacket { PacketId = 2, EncodedFilters = [0, 1, (byte)'t'] });
        Assert.Equal([PacketType.SubAck, PacketType.UnsubAck], passing.Rest().Select(seen => seen.Type));
        Assert.Empty(lasting.Rest());
        _broker.Commit();
        Assert.Equal([PacketType.SubAck, PacketType.UnsubAck], lasting.Rest().Select(seen => seen.Type));
    }

    [Fact]
    public void CONNACK_of_a_lasting_session_waits_for_the_disk_and_everything_else_behind_it()
    {
        _broker.IsDiskSlow = true;
        TestClient client = _broker.Open();
        client.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, CleanStart = true, SessionExpirySeconds = 100 });
        client.Send(new PingPacket(PacketType.PingReq));
        Assert.Empty(client.Rest());
        _broker.Commit();
        Assert.Equal([PacketType.ConnAck, PacketType.PingResp], client.Rest().Select(seen => seen.Type));
    }

    [Fact]
    public void A_connection_that_is_taken_over_before_its_CONNACK_is_told_nothing()
    {
        _broker.IsDiskSlow = true;
        TestClient first = _broker.Open();
        first.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, CleanStart = true, SessionExpirySeconds = 100 });
        TestClient second = _broker.Open();
        second.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, SessionExpirySeconds = 100 });
        _broker.Commit();
        Assert.True(first.IsClosed);
        Assert.Empty(first.Rest());
        Assert.True(Assert.Single(second.Rest()).SessionPresent);
    }

    [Fact]
    public void PUBREL_and_PUBCOMP_wait_for_the_disk()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Lasting("publisher");
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 7);
        publisher.Next(PacketType.PubRec);
        ushort packetId = subscriber.Next(PacketType.Publish).PacketId;
        _broker.IsDiskSlow = true;
        subscriber.Ack(PacketType.PubRec, packetId);
        publisher.Ack(PacketType.PubRel, 7);
        Assert.Empty(subscriber.Rest());
        Assert.Empty(publisher.Rest());
        _broker.Commit();
        Assert.Equal(PacketType.PubRel, Assert.Single(subscriber.Rest()).Type);
        Assert.Equal(PacketType.PubComp, Assert.Single(publisher.Rest()).Type);
    }

    [Fact]
    public void Where_acknowledgements_are_worth_memory_nothing_waits_and_everything_is_stored()
    {
        _broker.Absent("absent", "t");
        _broker.AckContract = AckContract.Memory;
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2);
        Assert.Equal([PacketType.PubAck, PacketType.PubRec], publisher.Rest().Select(seen => seen.Type));
        _broker.Commit();
        Assert.Equal(2, _broker.Store!.MessageCount);
    }

    [Fact]
    public void A_client_that_has_used_up_its_Receive_Maximum_waits_while_acknowledgements_are_held_back_and_is_not_disconnected()
    {
        var broker = new TestBroker(new MemoryStore(), new BrokerOptions { SysIntervalSeconds = 0, ReceiveMaximum = 3 });
        broker.Absent("absent", "t");
        TestClient publisher = broker.Passing("publisher");
        broker.IsDiskSlow = true;
        for (ushort id = 1; id <= 8; id++)
            publisher.Publish("t", $"{id}", QoS.AtLeastOnce, packetId: id);
        Assert.Empty(publisher.Rest());
        broker.Commit();
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], publisher.Rest().Select(ack => (int)ack.PacketId));
    }

    [Fact]
    public void A_client_is_not_read_while_more_than_enough_answers_are_held_back_for_it()
    {
        TestClient lasting = _broker.Lasting("lasting");
        _broker.IsDiskSlow = true;
        lasting.Send(new SubscribePacket { PacketId = 1, EncodedFilters = [0, 1, (byte)'t', 1] });
        for (int i = 0; i < 5000; i++)
            lasting.Ack(PacketType.PubRel, 7);
        lasting.Send(new SubscribePacket { PacketId = 2, EncodedFilters = [0, 1, (byte)'u', 1] });
        Assert.Equal(1, _broker.Core.SubscriptionCount);
        _broker.Commit();
        _broker.IsDiskSlow = false;
        _broker.Advance(1);
        Assert.Equal(5002, lasting.Rest().Count);
        Assert.Equal(2, _broker.Core.SubscriptionCount);
    }

    [Fact]
    public void What_nobody_waits_for_is_written_at_the_next_heartbeat()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        _broker.Passing("publisher").Publish("r", "value", retain: true);
        Assert.Equal(1, _broker.Store!.RetainedCount);
    }

    [Theory]
    [InlineData("fsync", AckContract.Fsync)]
    [InlineData("memory", AckContract.Memory)]
    public void A_client_that_asks_is_told_what_an_acknowledgement_is_worth(string expected, AckContract contract)
    {
        _broker.AckContract = contract;
        byte[] question = UserProperties.Encode(new KeyValuePair<string, string>("ack-contract", ""));
        TestClient client = _broker.Open();
        client.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, CleanStart = true, UserPropertyBlock = question });
        Assert.Equal(("ack-contract", expected), Assert.Single(client.Next(PacketType.ConnAck).UserProperties));
    }
}
