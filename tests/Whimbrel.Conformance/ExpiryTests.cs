using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 3.3.2.3.3: the message expiry interval, wherever a message waits.</summary>
public class ExpiryTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(uint.MaxValue)]
    [Clause("MQTT-3.3.2-6")]
    public void What_is_passed_on_at_once_has_the_interval_that_it_came_with(uint expiry)
    {
        TestClient subscriber = _broker.Connected("subscriber");
        subscriber.Subscribe("t");
        TestClient own = _broker.Connected("own");
        own.Subscribe("t", identifier: 1);
        _broker.Connected("publisher").Publish("t", "x", expiry: expiry);
        Assert.Equal(expiry, Assert.Single(subscriber.ReceiveAll()).MessageExpirySeconds);
        Assert.Equal(expiry, Assert.Single(own.ReceiveAll()).MessageExpirySeconds);
    }

    [Fact]
    [Clause("MQTT-3.3.2-5")]
    [Clause("MQTT-3.3.2-6")]
    public void What_waits_for_the_window_counts_down_and_is_deleted_without_taking_a_place()
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", receiveMaximum: 1);
        subscriber.Subscribe("t");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "first");
        publisher.PublishSafely("t", "short", expiry: 10);
        publisher.PublishSafely("t", "long", expiry: 100);
        publisher.PublishSafely("t", "short too", expiry: 15);
        Seen first = subscriber.Next(PacketType.Publish);
        _broker.Advance(30);
        subscriber.Ack(PacketType.PubAck, first.PacketId);
        Assert.Equal([("long", (uint?)70u)], subscriber.ReceiveAll().Select(seen => (seen.Payload, seen.MessageExpirySeconds)));
        Assert.Equal([DropReason.Expired, DropReason.Expired], _broker.Drops);
    }

    [Theory]
    [InlineData(9.999, 1)]
    [InlineData(10, 0)]
    [Clause("MQTT-3.3.2-5")]
    public void A_message_is_delivered_up_to_the_end_of_its_interval_and_not_longer(double seconds, int delivered)
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("q");
        subscriber.Cut();
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("q", "queued", expiry: 10);
        publisher.PublishSafely("r", "retained", retain: true, expiry: 10);
        _broker.Advance(seconds);
        subscriber = _broker.Lasting("subscriber");
        Assert.Equal(delivered, subscriber.ReceiveAll().Count);
        subscriber.Subscribe("r");
        Assert.Equal(delivered, subscriber.ReceiveAll().Count);
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    [Clause("MQTT-3.3.2-6")]
    [Clause("MQTT-4.3.3-7")]
    public void A_second_attempt_says_what_is_left_and_comes_even_when_nothing_is(QoS qos)
    {
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("t");
        _broker.Connected("publisher").PublishSafely("t", "x", qos, expiry: 100);
        subscriber.Cut();
        _broker.Advance(40);
        subscriber = _broker.Lasting("subscriber");
        Assert.Equal(60u, subscriber.Next(PacketType.Publish).MessageExpirySeconds);
        subscriber.Cut();
        _broker.Advance(1000);
        subscriber = _broker.Lasting("subscriber");
        Assert.Equal(0u, subscriber.Next(PacketType.Publish).MessageExpirySeconds);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.3.2-5")]
    public void Expiry_is_the_message_s_and_holds_for_subscribers_of_every_version(ProtocolVersion version)
    {
        TestClient subscriber = _broker.Lasting("subscriber", version);
        subscriber.Subscribe("t");
        subscriber.Cut();
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("t", "short", expiry: 10);
        publisher.PublishSafely("t", "for ever");
        _broker.Advance(20);
        Assert.Equal(["for ever"], _broker.Lasting("subscriber", version).ReceiveAll().Payloads());
    }

    [Fact]
    [Clause("MQTT-3.3.2-5")]
    public void A_retained_message_that_is_over_gives_its_place_back_whether_or_not_SYS_topics_are_on()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, RetainedMessagesMax = 1 });
        TestClient publisher = broker.Connected("publisher");
        publisher.PublishSafely("r/a", "short", retain: true, expiry: 10);
        publisher.Publish("r/b", "no room yet", QoS.AtLeastOnce, retain: true);
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Next(PacketType.PubAck).Reason);
        broker.Advance(60);
        Assert.Equal(0, broker.Core.RetainedCount);
        publisher.Publish("r/b", "room", QoS.AtLeastOnce, retain: true);
        Assert.NotEqual(ReasonCode.QuotaExceeded, publisher.Next(PacketType.PubAck).Reason);
    }

    [Fact]
    public void A_retained_message_with_an_interval_of_0_is_delivered_and_not_kept()
    {
        TestClient live = _broker.Connected("live");
        live.Subscribe("r");
        _broker.Connected("publisher").Publish("r", "old", retain: true).Publish("r", "x", retain: true, expiry: 0);
        Assert.Equal(["old", "x"], live.ReceiveAll().Payloads());
        TestClient late = _broker.Connected("late");
        late.Subscribe("r");
        Assert.Empty(late.ReceiveAll());
    }
}
