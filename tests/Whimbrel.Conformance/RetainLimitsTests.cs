using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 3.3.1.3 where the store of retained messages is full.</summary>
public class RetainLimitsTests
{
    private readonly TestBroker _broker = new(new BrokerOptions { SysIntervalSeconds = 0, RetainedBytesMax = 1000 });

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.3.1-5")]
    [Clause311("MQTT-3.3.1-7")]
    public void A_QoS_0_message_that_there_is_no_room_for_goes_on_and_the_old_one_is_not_shown_in_its_place(ProtocolVersion version)
    {
        TestClient live = _broker.Connected("live", version);
        live.Subscribe("r");
        TestClient publisher = _broker.Connected("publisher", version);
        publisher.Publish("r", "old", retain: true).Publish("r", new string('x', 2000), retain: true);
        Assert.Equal(["old", new string('x', 2000)], live.ReceiveAll().Payloads());
        TestClient late = _broker.Connected("late", version);
        late.Subscribe("r");
        Assert.Empty(late.ReceiveAll());
        Assert.Equal([DropReason.RetainedFull], _broker.Drops);
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void A_message_that_is_refused_for_want_of_room_reaches_nobody_and_changes_nothing(QoS qos)
    {
        TestClient live = _broker.Connected("live");
        live.Subscribe("r");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("r", "old", retain: true);
        Assert.Single(live.ReceiveAll());
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Publish("r", new string('x', 2000), qos, retain: true).Next().Reason);
        Assert.Empty(live.ReceiveAll());
        TestClient late = _broker.Connected("late");
        late.Subscribe("r");
        Assert.Equal(["old"], late.ReceiveAll().Payloads());
    }

    [Fact]
    [Clause("MQTT-3.3.1-6")]
    public void What_is_cleared_makes_room()
    {
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("r/a", new string('x', 800), retain: true);
        Assert.Equal(ReasonCode.QuotaExceeded, publisher.Publish("r/b", new string('y', 800), QoS.AtLeastOnce, retain: true).Next().Reason);
        publisher.PublishSafely("r/a", "", retain: true);
        publisher.PublishSafely("r/b", new string('y', 800), retain: true);
        Assert.Equal(1, _broker.Core.RetainedCount);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.3.1-6")]
    [Clause311("MQTT-3.3.1-10")]
    public void Clearing_what_is_not_there_is_an_ordinary_publish(ProtocolVersion version)
    {
        TestClient live = _broker.Connected("live", version);
        live.Subscribe("#");
        TestClient publisher = _broker.Connected("publisher", version);
        publisher.PublishSafely("never/set", "", QoS.ExactlyOnce, retain: true);
        Seen seen = Assert.Single(live.ReceiveAll());
        Assert.Equal(("never/set", "", false), (seen.Topic, seen.Payload, seen.Retain));
    }

    [Fact]
    public void A_publish_with_RETAIN_where_it_is_not_available_ends_the_connection()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, RetainAvailable = false });
        TestClient client = broker.Connected("client");
        client.Publish("r", "x", retain: true);
        client.AssertClosed(ReasonCode.RetainNotSupported);
    }
}
