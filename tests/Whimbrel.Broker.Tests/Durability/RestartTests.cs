using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What a broker finds again that was killed.</summary>
public class RestartTests
{
    private TestBroker _broker = DurableBroker.New();

    [Fact]
    public void A_message_in_flight_comes_again_with_its_identifier_and_DUP_and_in_its_order()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Passing("publisher");
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2).Publish("t", "3", QoS.AtLeastOnce, packetId: 3);
        List<Seen> first = subscriber.Rest();
        _broker = _broker.Crash();
        List<Seen> again = _broker.Lasting("subscriber").Rest();
        Assert.Equal(["1", "2", "3"], again.Payloads());
        Assert.Equal(first.OrderBy(seen => seen.Payload).Select(seen => seen.PacketId), again.Select(seen => seen.PacketId));
        Assert.All(again, seen => Assert.True(seen.Duplicate));
    }

    [Fact]
    [Clause("MQTT-4.3.3-7")]
    public void After_PUBREC_the_message_never_comes_again_and_PUBREL_does()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        _broker.Passing("publisher").Publish("t", "1", QoS.ExactlyOnce);
        ushort packetId = subscriber.Next(PacketType.Publish).PacketId;
        subscriber.Ack(PacketType.PubRec, packetId).Next(PacketType.PubRel);
        _broker = _broker.Crash();
        subscriber = _broker.Lasting("subscriber");
        Assert.Equal((PacketType.PubRel, packetId), Assert.Single(subscriber.Rest()) is var seen ? (seen.Type, seen.PacketId) : default);
        subscriber.Ack(PacketType.PubComp, packetId);
        Assert.Empty(_broker.Crash().Lasting("subscriber").Rest());
    }

    [Fact]
    public void A_QoS_2_publish_that_was_accepted_is_known_again()
    {
        _broker.Absent("absent", "t");
        TestClient publisher = _broker.Lasting("publisher");
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec);
        _broker = _broker.Crash();
        publisher = _broker.Lasting("publisher");
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 5, duplicate: true).Next(PacketType.PubRec);
        publisher.Ack(PacketType.PubRel, 5).Next(PacketType.PubComp);
        Assert.Equal(["1"], _broker.Lasting("absent").ReceiveAll().Payloads());
    }

    [Fact]
    public void An_identifier_that_was_released_takes_a_new_message()
    {
        _broker.Absent("absent", "t");
        TestClient publisher = _broker.Lasting("publisher");
        publisher.Publish("t", "1", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec);
        publisher.Ack(PacketType.PubRel, 5).Next(PacketType.PubComp);
        _broker = _broker.Crash();
        _broker.Lasting("publisher").Publish("t", "2", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec);
        Assert.Equal(["1", "2"], _broker.Lasting("absent").ReceiveAll().Payloads());
    }

    [Fact]
    public void A_will_that_waits_for_its_delay_is_published_when_it_is_due_after_the_restart()
    {
        _broker.Absent("absent", "will");
        _broker.Lasting("dying", new TestWill("will", "gone", QoS.AtLeastOnce) { DelaySeconds = 60 }).Cut();
        _broker.Advance(20);
        _broker = _broker.Crash(secondsLater: 10);
        _broker.Advance(29);
        TestClient absent = _broker.Lasting("absent");
        Assert.Empty(absent.ReceiveAll());
        _broker.Advance(2);
        Assert.Equal(["gone"], absent.ReceiveAll().Payloads());
        Assert.Empty(_broker.Crash().Lasting("absent").ReceiveAll());
    }

    [Fact]
    public void Who_was_connected_at_the_crash_leaves_the_will_behind_unless_it_comes_back_in_time()
    {
        _broker.Absent("absent", "will/#");
        _broker.Lasting("returning", new TestWill("will/returning", "gone", QoS.AtLeastOnce) { DelaySeconds = 60 });
        _broker.Lasting("dying", new TestWill("will/dying", "gone", QoS.AtLeastOnce) { DelaySeconds = 60 });
        _broker = _broker.Crash(secondsLater: 1000);
        _broker.Advance(30);
        _broker.Lasting("returning").Disconnect();
        _broker.Advance(40);
        Assert.Equal(["will/dying"], _broker.Lasting("absent").ReceiveAll().Select(seen => seen.Topic));
    }

    [Fact]
    public void Expiry_counts_from_the_disconnection_for_who_was_gone_and_from_the_start_for_who_was_there()
    {
        _broker.Lasting("gone", out _, expiry: 100).Cut();
        _broker.Lasting("there", out _, expiry: 100);
        _broker = _broker.Crash(secondsLater: 101);
        _broker = _broker.Crash(secondsLater: 50);
        _broker.Lasting("gone", out bool present, expiry: 100);
        Assert.False(present);
        _broker.Lasting("there", out present, expiry: 100).Cut();
        Assert.True(present);
        _broker.Advance(101);
        _broker.Crash().Lasting("there", out present);
        Assert.False(present);
    }

    [Fact]
    public void A_session_that_ended_does_not_come_back()
    {
        _broker.Absent("cleaned", "t");
        _broker.Absent("disconnected", "t");
        TestClient publisher = _broker.Passing("publisher");
        publisher.Publish("t", "1", QoS.AtLeastOnce);
        _broker.Lasting("cleaned", out _, clean: true).Cut();
        _broker.Lasting("disconnected").Disconnect(expiry: 0);
        _broker = _broker.Crash();
        Assert.Empty(_broker.Lasting("cleaned", out bool present).ReceiveAll());
        Assert.True(present);
        _broker.Lasting("disconnected", out present);
        Assert.False(present);
        Assert.Equal(0, _broker.Core.SubscriptionCount);
        Assert.Equal(0, _broker.Store!.MessageCount);
    }

    [Fact]
    public void A_clean_start_with_a_session_that_does_not_last_is_acknowledged_when_the_old_one_is_gone_from_the_disk()
    {
        _broker.Absent("client", "t");
        _broker.IsDiskSlow = true;
        TestClient client = _broker.Open();
        client.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, CleanStart = true });
        Assert.Empty(client.Rest());
        _broker.Commit();
        Assert.False(client.Next(PacketType.ConnAck).SessionPresent);
        _broker.Crash().Lasting("client", out bool present);
        Assert.False(present);
    }

    [Fact]
    public void A_session_that_DISCONNECT_ended_does_not_come_back_after_the_next_one_was_acknowledged()
    {
        _broker.Absent("client", "t");
        _broker.IsDiskSlow = true;
        TestClient client = _broker.Open();
        client.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, SessionExpirySeconds = 10_000 });
        _broker.Commit();
        client.Disconnect(expiry: 0);
        client = _broker.Open();
        client.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "client"u8, CleanStart = true });
        Assert.Empty(client.Rest());
        _broker.Commit();
        client.Next(PacketType.ConnAck);
        _broker.Crash().Lasting("client", out bool present);
        Assert.False(present);
    }

    [Fact]
    public void A_subscription_keeps_its_options_and_identifier_and_an_ended_one_is_gone()
    {
        TestClient client = _broker.Lasting("client");
        client.Subscribe("kept", QoS.AtLeastOnce, options: 0x0C, identifier: 77);
        client.Subscribe("ended");
        client.Unsubscribe(11, "ended");
        _broker = _broker.Crash();
        client = _broker.Lasting("client");
        client.Publish("kept", "own", QoS.AtLeastOnce).Next(PacketType.PubAck);
        Assert.Empty(client.ReceiveAll());
        TestClient other = _broker.Passing("other");
        other.Publish("ended", "no", QoS.AtLeastOnce);
        other.Publish("kept", "yes", QoS.ExactlyOnce, retain: true);
        Seen seen = Assert.Single(client.ReceiveAll());
        Assert.Equal(("yes", QoS.AtLeastOnce, true, 77u), (seen.Payload, seen.QoS, seen.Retain, Assert.Single(seen.SubscriptionIds)));
    }

    [Fact]
    public void Retained_messages_that_a_subscription_was_still_owed_come_after_the_restart()
    {
        TestClient publisher = _broker.Passing("publisher");
        for (int i = 0; i < 100; i++)
            publisher.Publish($"r/{i}", $"{i}", QoS.AtLeastOnce, retain: true);
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", expiry: 1000u, receiveMaximum: 4);
        publisher.Publish("r/q", "q", QoS.AtLeastOnce, retain: true);
        subscriber.Link.PeerReads = false;
        subscriber.Send(new SubscribePacket { PacketId = 1, EncodedFilters = [0, 3, (byte)'r', (byte)'/', (byte)'#', 1] });
        _broker = _broker.Crash();
        Assert.Equal(101, _broker.Lasting("subscriber").ReceiveAll().DistinctBy(seen => seen.Topic).Count());
    }

    [Fact]
    public void A_cleared_retained_message_stays_cleared_and_the_broker_s_own_topics_are_not_kept()
    {
        TestClient publisher = _broker.Passing("publisher");
        publisher.Publish("r/1", "1", QoS.AtLeastOnce, retain: true);
        publisher.Publish("r/2", "2", QoS.AtLeastOnce, retain: true);
        publisher.Publish("r/1", "", QoS.AtLeastOnce, retain: true);
        _broker.Do(turn => _broker.Core.Publish(new Message("$SYS/broker/x"u8, "1"u8, retain: true), turn));
        Assert.Equal(1, _broker.Store!.RetainedCount);
        TestClient subscriber = _broker.Crash().Passing("subscriber");
        subscriber.Subscribe("r/+");
        Assert.Equal(["2"], subscriber.ReceiveAll().Payloads());
    }

    [Fact]
    public void A_shared_delivery_that_goes_to_another_member_belongs_to_that_one_after_a_restart()
    {
        TestClient first = _broker.Lasting("first", out _, expiry: 100);
        first.Subscribe("$share/g/t");
        first.Cut();
        _broker.Passing("publisher").Publish("t", "1", QoS.ExactlyOnce);
        _broker.Absent("second", "$share/g/t");
        // The first member ends: what was queued for it is the second one's.
        _broker.Advance(101);
        _broker = _broker.Crash();
        _broker.Lasting("first", out bool present);
        Assert.False(present);
        Assert.Equal(["1"], _broker.Lasting("second").ReceiveAll().Payloads());
        Assert.Equal(0, _broker.Store!.MessageCount);
    }

    [Fact]
    public void A_will_that_was_due_before_the_crash_reaches_every_session_and_behind_what_was_queued_before_it()
    {
        _broker.Lasting("dying", new TestWill("t", "due", QoS.AtLeastOnce));
        _broker.Absent("absent", "t");
        _broker.Passing("publisher").Publish("t", "1", QoS.AtLeastOnce);
        // The connection was taken over by one with a will of its own, and the batch with the due one was the next.
        var later = new Will("t"u8.ToArray(), "later"u8.ToArray(), default, QoS.AtLeastOnce, Retain: false, DelaySeconds: 60, ExpirySeconds: null);
        _broker.Store!.Write(new StoreBatch { LastMessageId = 1000, LastSessionNumber = 1000, Changes = { new WillState(1, 2, later) } });
        _broker = _broker.Crash();
        Assert.Equal(["1", "due"], _broker.Lasting("absent").ReceiveAll().Payloads());
    }

    [Fact]
    public void A_stop_keeps_the_wills_of_lasting_sessions_for_the_next_start()
    {
        _broker.Absent("absent", "will");
        _broker.Lasting("dying", new TestWill("will", "gone", QoS.AtLeastOnce) { DelaySeconds = 60 });
        _broker.Do(_broker.Core.Shutdown);
        _broker = _broker.Crash(secondsLater: 30);
        TestClient absent = _broker.Lasting("absent");
        Assert.Empty(absent.ReceiveAll());
        _broker.Advance(31);
        Assert.Equal(["gone"], absent.ReceiveAll().Payloads());
    }

    [Fact]
    public void A_session_that_expires_while_the_broker_stops_has_its_will_published()
    {
        _broker.Absent("absent", "will");
        _broker.Lasting("dying", out _, new TestWill("will", "gone", QoS.AtLeastOnce) { DelaySeconds = 60 }, expiry: 10);
        _broker.Do(_broker.Core.Shutdown);
        _broker.Advance(11);
        _broker = _broker.Crash();
        Assert.Equal(["gone"], _broker.Lasting("absent").ReceiveAll().Payloads());
    }

    [Fact]
    public void Numbers_go_on_where_they_were()
    {
        _broker.Absent("one", "t");
        _broker.Absent("two", "t");
        TestClient publisher = _broker.Passing("publisher");
        for (ushort id = 1; id < 10; id++)
            publisher.Publish("t", $"{id}", QoS.AtLeastOnce, packetId: id);
        _broker.Lasting("one").ReceiveAll();
        _broker = _broker.Crash();
        _broker.Passing("publisher").Publish("t", "10", QoS.AtLeastOnce);
        _broker = _broker.Crash();
        Assert.Equal(["10"], _broker.Lasting("one").ReceiveAll().Payloads());
        Assert.Equal(10, _broker.Lasting("two").ReceiveAll().Count);
    }
}
