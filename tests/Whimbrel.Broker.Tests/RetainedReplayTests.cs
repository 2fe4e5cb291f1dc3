using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

public class RetainedReplayTests
{
    [Fact]
    public void A_subscriber_gets_five_thousand_retained_messages_through_a_small_window()
    {
        var broker = new TestBroker();
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int i = 0; i < 5000; i++)
            publisher.Publish($"home/{i}/config", "config " + i, QoS.AtLeastOnce, retain: true, packetId: (ushort)(i + 1));
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 3);
        subscriber.Subscribe("home/#");
        List<Seen> got = subscriber.ReceiveAll();
        Assert.Equal(5000, got.Select(seen => seen.Topic).Distinct().Count());
        Assert.Equal(5000, got.Count);
        Assert.All(got, seen => Assert.True(seen.Retain));
    }

    [Fact]
    public void A_replay_waits_while_the_link_is_full_and_live_traffic_passes_it()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, LinkHighWaterBytes = 2048 });
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int i = 0; i < 100; i++)
            publisher.Publish($"r/{i}", new string('x', 200), QoS.AtMostOnce, retain: true);
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber");
        subscriber.Subscribe("live");
        subscriber.Link.PeerReads = false;
        subscriber.SendBytes([0x82, 0x09, 0, 5, 0, 0, 3, .. "r/#"u8, 0]);
        Assert.InRange(subscriber.Link.PendingBytes, 2048, 2600);
        publisher.Publish("live", "now");
        subscriber.Link.PeerReads = true;
        broker.Do(_ => subscriber.Link.Flush());
        List<Seen> got = [.. subscriber.ReceiveAll()];
        Assert.Equal(101, got.Count);
        Assert.True(got.FindIndex(seen => seen.Topic == "live") < 20, "live traffic waited behind the replay");
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void What_changes_during_a_replay_is_seen_once_and_never_older_than_before(QoS qos)
    {
        var broker = new TestBroker();
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        foreach (string topic in new[] { "r/1", "r/2", "r/3", "r/4" })
            publisher.Publish(topic, "old", QoS.AtLeastOnce, retain: true);
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 1);
        subscriber.Subscribe("r/#", qos);
        Seen first = subscriber.Next(PacketType.Publish);
        // One message is on its way; the others are changed, cleared and left alone behind it.
        string[] rest = [.. new[] { "r/1", "r/2", "r/3", "r/4" }.Where(topic => topic != first.Topic)];
        publisher.Publish(rest[0], "new", QoS.AtLeastOnce, retain: true);
        publisher.Publish(rest[1], "", QoS.AtLeastOnce, retain: true);
        subscriber.Ack(first.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, first.PacketId);
        List<Seen> got = subscriber.ReceiveAll();
        Assert.Equal("new", Assert.Single(got, seen => seen.Topic == rest[0]).Payload);
        Assert.Equal("", Assert.Single(got, seen => seen.Topic == rest[1]).Payload);
        Assert.Equal("old", Assert.Single(got, seen => seen.Topic == rest[2]).Payload);
    }

    [Fact]
    public void A_replay_that_was_cut_short_goes_on_in_the_resumed_session()
    {
        var broker = new TestBroker();
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int i = 0; i < 10; i++)
            publisher.Publish($"r/{i}", "value", QoS.AtLeastOnce, retain: true);
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", expiry: 100, receiveMaximum: 1);
        subscriber.Subscribe("r/#");
        subscriber.Next(PacketType.Publish);
        subscriber.Cut();
        subscriber = broker.Open();
        Assert.True(subscriber.Connect("subscriber", clean: false, expiry: 100).SessionPresent);
        Assert.Equal(10, subscriber.ReceiveAll().Select(seen => seen.Topic).Distinct().Count());
    }

    [Fact]
    public void A_full_store_refuses_with_a_name_and_keeps_what_it_has()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, RetainedMessagesMax = 1 });
        TestClient client = broker.Open();
        client.Connect("client");
        client.Publish("a", "1", QoS.AtLeastOnce, retain: true);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, client.Next().Reason);
        client.Publish("b", "1", QoS.AtLeastOnce, retain: true);
        Assert.Equal(ReasonCode.QuotaExceeded, client.Next().Reason);
        client.Publish("a", "2", QoS.AtLeastOnce, retain: true);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, client.Next().Reason);
        Assert.Equal([DropReason.RetainedFull], broker.Drops);
        Assert.Equal(1, broker.Core.RetainedCount);
    }
}
