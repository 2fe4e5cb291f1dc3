using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 3.3.1.3: what is kept for subscribers that come later.</summary>
public class RetainTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<ProtocolVersion> Versions() => [ProtocolVersion.Mqtt31, ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50];

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-5")]
    [Clause("MQTT-3.3.1-9")]
    [Clause311("MQTT-3.3.1-5")]
    [Clause311("MQTT-3.3.1-6")]
    [Clause311("MQTT-3.3.1-8")]
    public void The_last_retained_message_of_each_topic_comes_with_its_QoS_to_a_new_subscriber(ProtocolVersion version)
    {
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("r/a", "old", QoS.AtLeastOnce, retain: true);
        publisher.Publish("r/a", "new", QoS.AtLeastOnce, retain: true);
        publisher.Publish("r/b", "other", retain: true);
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("r/+");
        Assert.Equal(
            [("r/a", "new", QoS.AtLeastOnce, true), ("r/b", "other", QoS.AtMostOnce, true)],
            subscriber.ReceiveAll().Select(seen => (seen.Topic, seen.Payload, seen.QoS, seen.Retain)).Order());
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-6")]
    [Clause("MQTT-3.3.1-7")]
    [Clause311("MQTT-3.3.1-10")]
    [Clause311("MQTT-3.3.1-11")]
    public void An_empty_retained_payload_is_delivered_and_clears_and_is_not_kept(ProtocolVersion version)
    {
        TestClient live = Connected("live", version);
        live.Subscribe("r");
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("r", "kept", retain: true);
        publisher.Publish("r", "", retain: true);
        Assert.Equal(["kept", ""], live.ReceiveAll().Select(seen => seen.Payload));
        TestClient late = Connected("late", version);
        late.Subscribe("r");
        Assert.Empty(late.ReceiveAll());
        Assert.Equal(0, _broker.Core.RetainedCount);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-8")]
    [Clause311("MQTT-3.3.1-12")]
    public void A_publish_without_RETAIN_leaves_the_retained_message_alone(ProtocolVersion version)
    {
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("r", "kept", retain: true);
        publisher.Publish("r", "passing");
        publisher.Publish("r", "");
        publisher.Publish("never", "passing");
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("#");
        Assert.Equal("kept", Assert.Single(subscriber.ReceiveAll()).Payload);
    }

    [Fact]
    [Clause311("MQTT-3.3.1-7")]
    public void A_retained_QoS_0_message_replaces_one_of_higher_QoS()
    {
        TestClient publisher = Connected("publisher", ProtocolVersion.Mqtt311);
        publisher.Publish("r", "one", QoS.AtLeastOnce, retain: true);
        publisher.Publish("r", "zero", retain: true);
        TestClient subscriber = Connected("subscriber", ProtocolVersion.Mqtt311);
        subscriber.Subscribe("r");
        Assert.Equal(("zero", QoS.AtMostOnce), subscriber.ReceiveAll().Select(seen => (seen.Payload, seen.QoS)).Single());
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-12")]
    [Clause311("MQTT-3.3.1-9")]
    public void An_established_subscription_sees_RETAIN_0(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("r");
        Connected("publisher", version).Publish("r", "x", retain: true);
        Assert.False(Assert.Single(subscriber.ReceiveAll()).Retain);
    }

    [Fact]
    [Clause("MQTT-3.3.1-13")]
    public void With_Retain_As_Published_the_flag_is_the_publisher_s()
    {
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("r", options: 8);
        Connected("publisher").Publish("r", "1", retain: true).Publish("r", "0");
        Assert.Equal([true, false], subscriber.ReceiveAll().Select(seen => seen.Retain));
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 1, 0)]
    [InlineData(2, 0, 0)]
    [Clause("MQTT-3.3.1-9")]
    [Clause("MQTT-3.3.1-10")]
    [Clause("MQTT-3.3.1-11")]
    [Clause("MQTT-3.8.4-4")]
    public void Retain_handling_decides_what_a_new_and_a_repeated_subscription_get(int handling, int first, int second)
    {
        Connected("publisher").Publish("r", "kept", retain: true);
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("r", options: (byte)(handling << 4));
        Assert.Equal(first, subscriber.ReceiveAll().Count);
        subscriber.Subscribe("r", options: (byte)(handling << 4));
        Assert.Equal(second, subscriber.ReceiveAll().Count);
    }

    [Fact]
    public void A_shared_subscription_gets_no_retained_messages_when_it_is_made()
    {
        Connected("publisher").Publish("r", "kept", retain: true);
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("$share/g/r");
        Assert.Empty(subscriber.ReceiveAll());
    }

    [Fact]
    [Clause("MQTT-3.3.2-5")]
    [Clause("MQTT-3.3.2-6")]
    public void A_retained_message_expires_and_counts_down_like_any_other()
    {
        Connected("publisher").Publish("r/short", "x", retain: true, expiry: 10).Publish("r/long", "x", retain: true, expiry: 100);
        _broker.Advance(30);
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("r/#");
        Seen copy = Assert.Single(subscriber.ReceiveAll());
        Assert.Equal(("r/long", 70u), (copy.Topic, copy.MessageExpirySeconds));
    }

    private TestClient Connected(string name, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version);
        return client;
    }
}
