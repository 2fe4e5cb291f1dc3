using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11).</summary>
public class SubscriptionLifeTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<ProtocolVersion> Versions() => [ProtocolVersion.Mqtt31, ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50];

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.8.4-1")]
    [Clause("MQTT-3.8.4-2")]
    [Clause("MQTT-3.8.4-5")]
    [Clause("MQTT-3.8.4-6")]
    [Clause("MQTT-3.8.4-7")]
    [Clause311("MQTT-3.8.4-1")]
    [Clause311("MQTT-3.8.4-2")]
    [Clause311("MQTT-3.8.4-4")]
    [Clause311("MQTT-3.8.4-5")]
    public void Several_filters_are_answered_by_one_SUBACK_with_a_code_each_in_order(ProtocolVersion version)
    {
        TestClient client = Connected("client", version);
        Seen subAck = client.Subscribe(4711, 0, ("a", 0), ("b/+", 2), ("c/#", 1));
        Assert.Equal((PacketType.SubAck, (ushort)4711), (subAck.Type, subAck.PacketId));
        Assert.Equal([0, 2, 1], subAck.Codes);
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("a", "1").Publish("b/x", "2").Publish("c/x/y", "3").Publish("d", "4");
        Assert.Equal(["1", "2", "3"], client.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    [Clause("MQTT-3.8.4-7")]
    [Clause("MQTT-3.2.2-9")]
    [Clause("MQTT-3.2.2-15")]
    public void Each_filter_gets_its_own_refusal_and_the_granted_QoS_is_bounded()
    {
        var broker = new TestBroker(new BrokerOptions
        {
            SysIntervalSeconds = 0,
            MaximumQoS = QoS.AtLeastOnce,
            WildcardSubscriptionAvailable = false,
            SharedSubscriptionAvailable = false,
            SubscriptionsPerSessionMax = 1,
        });
        TestClient client = broker.Open();
        client.Connect("client");
        Seen subAck = client.Subscribe(1, 0, ("a/#", 0), ("$share/g/a", 0), ("a", 2), ("b", 0));
        Assert.Equal(
            [(byte)ReasonCode.WildcardSubscriptionsNotSupported, (byte)ReasonCode.SharedSubscriptionsNotSupported, 1, (byte)ReasonCode.QuotaExceeded],
            subAck.Codes);
    }

    [Fact]
    [Clause311("MQTT-3.8.3-2")]
    [Clause311("MQTT-3.8.4-5")]
    public void A_3_1_1_client_sees_every_refusal_as_0x80()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, WildcardSubscriptionAvailable = false });
        TestClient client = broker.Open();
        client.Connect("client", ProtocolVersion.Mqtt311);
        Assert.Equal([0x80, 1], client.Subscribe(1, 0, ("a/#", 0), ("a", 1)).Codes);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.8.4-3")]
    [Clause("MQTT-3.8.4-4")]
    [Clause311("MQTT-3.8.4-3")]
    public void Subscribing_again_replaces_and_sends_the_retained_message_again_and_loses_nothing(ProtocolVersion version)
    {
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("t", "kept", QoS.ExactlyOnce, retain: true).Rest();
        TestClient client = Connected("client", version);
        client.Subscribe("t", QoS.AtLeastOnce);
        Assert.Equal([QoS.AtLeastOnce], client.ReceiveAll().Select(seen => seen.QoS));
        client.Subscribe("t", QoS.AtMostOnce);
        Assert.Equal([QoS.AtMostOnce], client.ReceiveAll().Select(seen => seen.QoS));
        publisher.Publish("t", "live", QoS.AtLeastOnce, packetId: 7);
        Assert.Equal([("live", QoS.AtMostOnce)], client.ReceiveAll().Select(seen => (seen.Payload, seen.QoS)));
        Assert.Equal(1, _broker.Core.SubscriptionCount);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.10.4-1")]
    [Clause("MQTT-3.10.4-2")]
    [Clause("MQTT-3.10.4-4")]
    [Clause("MQTT-3.10.4-5")]
    [Clause("MQTT-3.10.4-6")]
    [Clause("MQTT-3.11.3-1")]
    [Clause311("MQTT-3.10.4-1")]
    [Clause311("MQTT-3.10.4-2")]
    [Clause311("MQTT-3.10.4-4")]
    [Clause311("MQTT-3.10.4-5")]
    [Clause311("MQTT-3.10.4-6")]
    public void UNSUBSCRIBE_removes_exactly_what_it_names_and_is_always_answered(ProtocolVersion version)
    {
        TestClient client = Connected("client", version);
        client.Subscribe("a/+");
        client.Subscribe("a/b");
        client.Subscribe("c");
        Seen unsubAck = client.Unsubscribe(815, "a/b", "A/+", "c");
        Assert.Equal((PacketType.UnsubAck, (ushort)815), (unsubAck.Type, unsubAck.PacketId));
        byte[] codes = [(byte)ReasonCode.Success, (byte)ReasonCode.NoSubscriptionExisted, (byte)ReasonCode.Success];
        Assert.Equal(version == ProtocolVersion.Mqtt50 ? codes : [], unsubAck.Codes);
        Connected("publisher", version).Publish("a/b", "still through a/+").Publish("c", "no");
        Assert.Equal(["still through a/+"], client.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal(PacketType.UnsubAck, client.Unsubscribe(816, "never").Type);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.10.4-3")]
    [Clause311("MQTT-3.10.4-3")]
    public void Deliveries_that_have_begun_are_completed_after_UNSUBSCRIBE(ProtocolVersion version)
    {
        TestClient client = Connected("client", version);
        client.Subscribe("t");
        Connected("publisher", version).Publish("t", "x", QoS.ExactlyOnce);
        Seen publish = client.Next(PacketType.Publish);
        client.Unsubscribe(1, "t");
        client.Ack(PacketType.PubRec, publish.PacketId);
        Assert.Equal(publish.PacketId, client.Next(PacketType.PubRel).PacketId);
        client.Ack(PacketType.PubComp, publish.PacketId).AssertNothing();
    }

    [Fact]
    [Clause("MQTT-4.8.2-3")]
    public void A_shared_copy_respects_the_QoS_granted_to_the_member_that_gets_it()
    {
        TestClient zero = Connected("zero");
        zero.Subscribe("$share/g/t", QoS.AtMostOnce);
        TestClient one = Connected("one");
        one.Subscribe("$share/g/t", QoS.AtLeastOnce);
        TestClient publisher = Connected("publisher");
        for (ushort i = 1; i <= 20; i++)
            publisher.Publish("t", "x", QoS.AtLeastOnce, packetId: i);
        List<Seen> ofZero = zero.ReceiveAll();
        List<Seen> ofOne = one.ReceiveAll();
        Assert.Equal(20, ofZero.Count + ofOne.Count);
        Assert.All(ofZero, seen => Assert.Equal(QoS.AtMostOnce, seen.QoS));
        Assert.All(ofOne, seen => Assert.Equal(QoS.AtLeastOnce, seen.QoS));
    }

    [Fact]
    [Clause("MQTT-4.8.2-4")]
    public void A_shared_QoS_2_delivery_is_completed_with_the_member_that_it_began_with()
    {
        TestClient member = _broker.Open();
        member.Connect("member", expiry: 100);
        member.Subscribe("$share/g/t");
        Connected("publisher").Publish("t", "x", QoS.ExactlyOnce);
        Seen first = member.Next(PacketType.Publish);
        TestClient other = Connected("other");
        other.Subscribe("$share/g/t");
        member.Cut();
        Assert.Empty(other.ReceiveAll());
        member = _broker.Open();
        member.Connect("member", clean: false, expiry: 100);
        Seen again = member.Next(PacketType.Publish);
        Assert.Equal((first.PacketId, true), (again.PacketId, again.Duplicate));
    }

    private TestClient Connected(string name, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version);
        return client;
    }
}
