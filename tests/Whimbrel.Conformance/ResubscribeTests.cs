using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 3.8.4: a second SUBSCRIBE replaces a subscription, and loses nothing by it.</summary>
public class ResubscribeTests
{
    private readonly TestBroker _broker = new();

    [Fact]
    [Clause("MQTT-3.8.4-3")]
    public void Every_option_and_the_identifier_are_replaced()
    {
        TestClient client = _broker.Connected("client");
        client.Subscribe("t", QoS.ExactlyOnce, options: 8, identifier: 1);
        client.Publish("t", "before", QoS.ExactlyOnce, retain: true);
        Seen before = Assert.Single(client.ReceiveAll());
        Assert.Equal((QoS.ExactlyOnce, true, 1u), (before.QoS, before.Retain, before.SubscriptionIds.Single()));
        client.Subscribe("t", QoS.AtMostOnce, options: 0x20);
        TestClient other = _broker.Connected("other");
        other.Publish("t", "after", QoS.AtLeastOnce, retain: true);
        Seen after = Assert.Single(client.ReceiveAll());
        Assert.Equal((QoS.AtMostOnce, false), (after.QoS, after.Retain));
        Assert.Empty(after.SubscriptionIds);
        client.Subscribe("t", options: 0x24, identifier: 9);
        client.Publish("t", "own");
        Assert.Empty(client.ReceiveAll());
        Assert.Equal(1, _broker.Core.SubscriptionCount);
    }

    [Theory]
    [InlineData(0x10)]
    [InlineData(0x20)]
    [Clause("MQTT-3.8.4-4")]
    public void What_the_first_subscription_is_still_owed_of_the_retained_messages_comes_after_the_second(byte handling)
    {
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 0; i < 5; i++)
            publisher.PublishSafely($"r/{i}", "value", retain: true);
        TestClient client = _broker.Open();
        client.Connect("client", receiveMaximum: 1);
        client.Subscribe("r/+", identifier: 1);
        Seen first = client.Next(PacketType.Publish);
        client.Subscribe("r/+", QoS.AtLeastOnce, handling, identifier: 2);
        string changed = first.Topic == "r/4" ? "r/3" : "r/4";
        publisher.PublishSafely(changed, "newer", retain: true);
        client.Ack(PacketType.PubAck, first.PacketId);
        List<Seen> got = [first, .. client.ReceiveAll()];
        Assert.Equal(["r/0", "r/1", "r/2", "r/3", "r/4"], got.Select(seen => seen.Topic).Order());
        Assert.Equal("newer", got.Single(seen => seen.Topic == changed).Payload);
        Assert.All(got.Skip(1), seen => Assert.Equal([2u], seen.SubscriptionIds));
    }

    [Fact]
    [Clause("MQTT-3.8.4-4")]
    public void With_Retain_Handling_0_all_come_again_and_what_was_owed_comes_once()
    {
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 0; i < 5; i++)
            publisher.PublishSafely($"r/{i}", "value", retain: true);
        TestClient client = _broker.Open();
        client.Connect("client", receiveMaximum: 1);
        client.Subscribe("r/+");
        Seen first = client.Next(PacketType.Publish);
        client.Subscribe("r/+");
        client.Ack(PacketType.PubAck, first.PacketId);
        Assert.Equal(["r/0", "r/1", "r/2", "r/3", "r/4"], client.ReceiveAll().Select(seen => seen.Topic).Order());
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.8.4-4")]
    [Clause311("MQTT-3.8.4-3")]
    public void Messages_that_wait_are_not_lost_and_keep_the_QoS_they_were_taken_with(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 1 });
        TestClient client = broker.Connected("client", version);
        client.Subscribe("t");
        TestClient publisher = broker.Connected("publisher", version);
        for (int i = 1; i <= 3; i++)
            publisher.PublishSafely("t", i.ToString());
        Seen first = client.Next(PacketType.Publish);
        client.Subscribe("t", QoS.AtMostOnce);
        publisher.PublishSafely("t", "4");
        Assert.Equal(("4", QoS.AtMostOnce), client.Rest().Select(seen => (seen.Payload, seen.QoS)).Single());
        client.Ack(PacketType.PubAck, first.PacketId);
        Assert.Equal([("2", QoS.AtLeastOnce), ("3", QoS.AtLeastOnce)], client.ReceiveAll().Select(seen => (seen.Payload, seen.QoS)));
    }

    [Fact]
    [Clause("MQTT-3.3.1-10")]
    public void A_subscription_is_new_again_after_UNSUBSCRIBE_and_not_new_in_a_resumed_session()
    {
        _broker.Connected("publisher").PublishSafely("r", "kept", retain: true);
        TestClient client = _broker.Lasting("client");
        client.Subscribe("r", options: 0x10);
        Assert.Single(client.ReceiveAll());
        client.Cut();
        client = _broker.Lasting("client");
        client.Subscribe("r", options: 0x10);
        Assert.Empty(client.ReceiveAll());
        client.Unsubscribe(2, "r");
        client.Subscribe("r", options: 0x10);
        Assert.Single(client.ReceiveAll());
    }

    [Fact]
    public void A_replaced_subscription_is_allowed_at_the_limit_of_subscriptions()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, SubscriptionsPerSessionMax = 2 });
        TestClient client = broker.Connected("client");
        Assert.Equal([0, 1, (byte)ReasonCode.QuotaExceeded, 2], client.Subscribe(1, 0, ("a", 0), ("b", 1), ("c", 0), ("a", 2)).Codes);
    }

    [Fact]
    public void A_shared_subscription_is_replaced_as_well_and_joins_its_group_once()
    {
        TestClient client = _broker.Connected("client");
        client.Subscribe("$share/g/t", QoS.ExactlyOnce, identifier: 1);
        client.Subscribe("$share/g/t", QoS.AtLeastOnce, identifier: 2);
        _broker.Connected("publisher").PublishSafely("t", "x", QoS.ExactlyOnce);
        Seen seen = Assert.Single(client.ReceiveAll());
        Assert.Equal((QoS.AtLeastOnce, 2u), (seen.QoS, seen.SubscriptionIds.Single()));
        client.Unsubscribe(3, "$share/g/t");
        Assert.Equal(0, _broker.Core.SubscriptionCount);
    }
}
