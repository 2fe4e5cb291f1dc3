using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

public class OutboxTests
{
    [Fact]
    public void Drop_oldest_keeps_the_newest_and_names_every_drop()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.DropOldest, out TestClient publisher);
        PublishFive(publisher);
        Assert.Equal(["3", "4", "5"], Resume(broker));
        Assert.Equal([DropReason.OutboxFullOldest, DropReason.OutboxFullOldest], broker.Drops);
        Assert.Equal(2, broker.Core.Statistics.Dropped(DropReason.OutboxFullOldest));
    }

    [Fact]
    public void Drop_newest_keeps_the_oldest_and_names_every_drop()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.DropNewest, out TestClient publisher);
        PublishFive(publisher);
        Assert.Equal(["1", "2", "3"], Resume(broker));
        Assert.Equal([DropReason.OutboxFullNewest, DropReason.OutboxFullNewest], broker.Drops);
    }

    [Fact]
    public void Reject_publisher_tells_0x97_and_gives_the_message_to_nobody()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.RejectPublisher, out TestClient publisher);
        TestClient other = broker.Open();
        other.Connect("other");
        other.Subscribe("t/#");
        ReasonCode[] answers = PublishFive(publisher);
        Assert.Equal([ReasonCode.Success, ReasonCode.Success, ReasonCode.Success, ReasonCode.QuotaExceeded, ReasonCode.QuotaExceeded], answers);
        Assert.Equal(3, other.ReceiveAll().Count);
        Assert.Equal(["1", "2", "3"], Resume(broker));
        Assert.Empty(broker.Drops);
    }

    [Fact]
    public void A_rejected_QoS_2_publish_may_be_sent_again_under_its_packet_identifier()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.RejectPublisher, out TestClient publisher);
        PublishFive(publisher);
        publisher.Publish("t/x", "again", QoS.ExactlyOnce, packetId: 77);
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Next(PacketType.PubRec).Reason);
        Resume(broker);
        publisher.Publish("t/x", "again", QoS.ExactlyOnce, packetId: 77);
        Assert.Equal(ReasonCode.Success, publisher.Next(PacketType.PubRec).Reason);
    }

    [Fact]
    public void A_rejected_publisher_of_3_1_1_is_disconnected_because_it_cannot_be_told()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.RejectPublisher, out TestClient publisher);
        PublishFive(publisher);
        TestClient old = broker.Open();
        old.Connect("old", ProtocolVersion.Mqtt311);
        old.Publish("t/x", "again", QoS.AtLeastOnce);
        old.AssertClosed(ReasonCode.QuotaExceeded);
        Assert.Contains(broker.Events, e => e.Kind == BrokerEventKind.Closed && e.ClientId == "old" && e.Code == ReasonCode.QuotaExceeded);
    }

    [Fact]
    public void A_will_has_nobody_to_reject_it_to_so_it_goes_where_there_is_room()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.RejectPublisher, out TestClient publisher);
        PublishFive(publisher);
        TestClient other = broker.Open();
        other.Connect("other");
        other.Subscribe("t/#");
        TestClient dying = broker.Open();
        dying.Connect("dying", will: new TestWill("t/x", "gone", QoS.AtLeastOnce));
        dying.Cut();
        Assert.Equal(["gone"], other.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal([DropReason.OutboxFullNewest], broker.Drops);
        Assert.Equal(["1", "2", "3"], Resume(broker));
    }

    [Fact]
    public void Expired_messages_make_room_before_anything_else_is_dropped()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.DropOldest, out TestClient publisher);
        publisher.Publish("t/x", "short", QoS.AtLeastOnce, expiry: 5);
        publisher.Publish("t/x", "2", QoS.AtLeastOnce);
        publisher.Publish("t/x", "3", QoS.AtLeastOnce);
        broker.Advance(6);
        publisher.Publish("t/x", "4", QoS.AtLeastOnce);
        Assert.Equal(["2", "3", "4"], Resume(broker));
        Assert.Equal([DropReason.Expired], broker.Drops);
    }

    [Fact]
    public void A_publisher_is_not_rejected_for_messages_that_have_expired()
    {
        TestBroker broker = WithOfflineSubscriber(OutboxPolicy.RejectPublisher, out TestClient publisher);
        for (ushort i = 1; i <= 3; i++)
            Assert.Equal(ReasonCode.Success, publisher.Publish("t/x", "short", QoS.AtLeastOnce, packetId: i, expiry: 5).Next(PacketType.PubAck).Reason);
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Publish("t/x", "4", QoS.AtLeastOnce).Next(PacketType.PubAck).Reason);
        broker.Advance(6);
        Assert.Equal(ReasonCode.Success, publisher.Publish("t/x", "4", QoS.AtLeastOnce).Next(PacketType.PubAck).Reason);
        Assert.Equal(["4"], Resume(broker));
    }

    [Fact]
    public void The_bytes_bound_counts_as_well_as_the_number_of_messages()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, OutboxBytesMax = 5000 });
        TestClient publisher = Offline(broker);
        for (int i = 0; i < 6; i++)
            publisher.Publish("t/x", i + new string('x', 1000), QoS.AtLeastOnce);
        Assert.Equal(4, Resume(broker).Length);
        Assert.Equal(2, broker.Core.Statistics.Dropped(DropReason.OutboxFullOldest));
    }

    [Fact]
    public void QoS_0_for_an_absent_session_is_dropped_by_name_or_kept_where_configured()
    {
        var broker = new TestBroker();
        Offline(broker).Publish("t/x", "zero");
        Assert.Equal([DropReason.Offline], broker.Drops);
        broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, QueueQoS0Offline = true });
        Offline(broker).Publish("t/x", "zero");
        Assert.Equal(["zero"], Resume(broker));
    }

    private static TestBroker WithOfflineSubscriber(OutboxPolicy policy, out TestClient publisher)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, OutboxMessagesMax = 3, OutboxPolicy = policy });
        publisher = Offline(broker);
        return broker;
    }

    private static TestClient Offline(TestBroker broker)
    {
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", expiry: 1000);
        subscriber.Subscribe("t/#");
        subscriber.Disconnect();
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        return publisher;
    }

    private static ReasonCode[] PublishFive(TestClient publisher) =>
        [.. Enumerable.Range(1, 5).Select(i => publisher.Publish("t/x", i.ToString(), QoS.AtLeastOnce, packetId: (ushort)i).Next(PacketType.PubAck).Reason)];

    private static string[] Resume(TestBroker broker)
    {
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", clean: false, expiry: 1000);
        return [.. subscriber.ReceiveAll().Select(seen => seen.Payload)];
    }
}
