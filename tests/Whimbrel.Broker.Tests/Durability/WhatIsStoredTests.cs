using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>Cost grows with what has to be kept, and with nothing else.</summary>
public class WhatIsStoredTests
{
    private readonly TestBroker _broker = DurableBroker.New();

    private MemoryStore Store => _broker.Store!;

    [Fact]
    public void QoS_0_and_sessions_that_end_with_their_connection_never_touch_the_disk()
    {
        TestClient subscriber = _broker.Passing("subscriber");
        subscriber.Subscribe("#");
        TestClient publisher = _broker.Passing("publisher");
        for (ushort id = 1; id < 50; id++)
        {
            publisher.Publish("t", "payload", (QoS)(id % 3), packetId: id).Ack(PacketType.PubRel, id);
            subscriber.ReceiveAll();
        }

        publisher.Disconnect();
        subscriber.Cut();
        _broker.Advance(10);
        Assert.Equal(0, Store.Writes);
    }

    [Fact]
    public void QoS_0_for_a_lasting_session_writes_nothing()
    {
        _broker.Absent("absent", "#");
        TestClient lasting = _broker.Lasting("lasting");
        lasting.Subscribe("#");
        TestClient publisher = _broker.Passing("publisher");
        int writes = Store.Writes;
        publisher.Publish("t", "payload");
        Assert.Single(lasting.ReceiveAll());
        Assert.Equal(writes, Store.Writes);
    }

    [Fact]
    public void A_message_for_many_sessions_is_stored_once_and_goes_with_the_last_of_them()
    {
        for (int i = 0; i < 20; i++)
            _broker.Absent($"absent-{i}", "t");
        _broker.Passing("publisher").Publish("t", "payload", QoS.AtLeastOnce);
        Assert.Equal(1, Store.MessagesWritten);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(1, Store.MessageCount);
            Assert.Single(_broker.Lasting($"absent-{i}").ReceiveAll());
        }

        Assert.Equal(0, Store.MessageCount);
    }

    [Fact]
    public void What_all_receivers_acknowledged_before_the_disk_was_ready_is_never_written_and_still_acknowledged_afterwards()
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t", QoS.AtLeastOnce);
        TestClient publisher = _broker.Passing("publisher");
        int writes = Store.Writes;
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "payload", QoS.AtLeastOnce);
        Assert.Single(subscriber.ReceiveAll());
        Assert.Empty(publisher.Rest());
        _broker.Commit();
        Assert.Equal(PacketType.PubAck, Assert.Single(publisher.Rest()).Type);
        Assert.Equal((0, writes), (Store.MessagesWritten, Store.Writes));
    }

    [Fact]
    public void Of_a_message_that_some_have_acknowledged_only_the_rest_is_written()
    {
        TestClient quick = _broker.Lasting("quick");
        quick.Subscribe("t", QoS.AtLeastOnce);
        _broker.Absent("absent", "t");
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "payload", QoS.AtLeastOnce);
        quick.ReceiveAll();
        _broker.Commit();
        TestBroker next = _broker.Crash();
        Assert.Empty(next.Lasting("quick").ReceiveAll());
        Assert.Single(next.Lasting("absent").ReceiveAll());
    }

    [Fact]
    public void A_retained_value_that_changes_before_the_disk_is_ready_is_written_as_it_is_then()
    {
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        for (int i = 0; i < 10; i++)
            publisher.Publish("r", $"{i}", QoS.AtLeastOnce, retain: true);
        _broker.Commit();
        Assert.Equal(1, Store.Writes);
        TestClient subscriber = _broker.Crash().Passing("subscriber");
        subscriber.Subscribe("r");
        Assert.Equal(["9"], subscriber.ReceiveAll().Payloads());
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void After_everything_has_been_delivered_and_every_session_has_ended_nothing_is_left(QoS qos)
    {
        for (int i = 0; i < 3; i++)
            _broker.Absent($"absent-{i}", "#");
        TestClient publisher = _broker.Lasting("publisher", new TestWill("will", "gone"));
        for (ushort id = 1; id <= 30; id++)
            publisher.Publish($"t/{id % 5}", "payload", qos, retain: id % 7 == 0, packetId: id).Ack(PacketType.PubRel, id);
        for (int i = 0; i < 3; i++)
        {
            TestClient client = _broker.Lasting($"absent-{i}", out bool present);
            Assert.True(present);
            Assert.Equal(30, client.ReceiveAll().Count);
            if (i == 1)
                client.Disconnect(expiry: 0);
            else
                client.Disconnect();
        }

        for (int topic = 0; topic < 5; topic++)
            publisher.Publish($"t/{topic}", "", retain: true);
        _broker.Advance(20_000);
        publisher.Disconnect(expiry: 0);
        _broker.Advance(1);
        Assert.Equal(0, Store.Count);
    }

    [Fact]
    public void What_a_full_outbox_drops_is_dropped_from_the_store()
    {
        var broker = new TestBroker(new MemoryStore(), new BrokerOptions { SysIntervalSeconds = 0, OutboxMessagesMax = 5 });
        broker.Absent("absent", "t");
        TestClient publisher = broker.Passing("publisher");
        for (ushort id = 1; id <= 20; id++)
            publisher.Publish("t", $"{id}", QoS.AtLeastOnce, packetId: id);
        Assert.Equal(5, broker.Store!.MessageCount);
        Assert.Equal(["16", "17", "18", "19", "20"], broker.Crash().Lasting("absent").ReceiveAll().Payloads());
    }
}
