using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Sections 3.8 to 3.11: what SUBSCRIBE and UNSUBSCRIBE may say, filter by filter.</summary>
public class SubscribeTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [InlineData("a/#/b")]
    [InlineData("a#")]
    [InlineData("a+/b")]
    [InlineData("")]
    [InlineData("$share/g/")]
    [InlineData("$share//a")]
    [InlineData("$share/g+/a")]
    [InlineData("$share/g")]
    [Clause("MQTT-4.7.1-1")]
    [Clause("MQTT-4.7.1-2")]
    [Clause("MQTT-4.7.3-1")]
    [Clause("MQTT-4.8.2-1")]
    [Clause("MQTT-4.8.2-2")]
    [Clause311("MQTT-4.7.1-2")]
    [Clause311("MQTT-4.7.1-3")]
    [Clause311("MQTT-4.7.3-1")]
    public void A_filter_that_is_not_one_ends_the_connection_and_nothing_of_its_packet_holds(string filter)
    {
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(filter);
            byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
            TestClient client = _broker.Connected("client", version);
            client.SendBytes([0x82, (byte)(9 + properties.Length + utf8.Length), 0, 1, .. properties, 0, 1, (byte)'t', 0, 0, (byte)utf8.Length, .. utf8, 0]);
            client.AssertClosed(ReasonCode.TopicFilterInvalid);
            Assert.Equal(0, _broker.Core.SubscriptionCount);
            Assert.Equal(ReasonCode.TopicFilterInvalid, _broker.Events.Last(e => e.Kind == BrokerEventKind.Closed).Code);
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.8.3-2")]
    [Clause("MQTT-3.10.3-2")]
    [Clause311("MQTT-3.8.3-3")]
    [Clause311("MQTT-3.10.3-2")]
    public void SUBSCRIBE_and_UNSUBSCRIBE_without_a_filter_end_the_connection(ProtocolVersion version)
    {
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        foreach (byte first in new byte[] { 0x82, 0xA2 })
        {
            TestClient client = _broker.Connected("client", version);
            client.SendBytes([first, (byte)(2 + properties.Length), 0, 1, .. properties]);
            client.AssertClosed(ReasonCode.ProtocolError);
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.8.1-1")]
    [Clause("MQTT-3.10.1-1")]
    [Clause("MQTT-3.6.1-1")]
    [Clause311("MQTT-3.8.1-1")]
    [Clause311("MQTT-3.10.1-1")]
    [Clause311("MQTT-3.6.1-1")]
    public void Wrong_bits_in_the_first_byte_of_SUBSCRIBE_UNSUBSCRIBE_and_PUBREL_end_the_connection(ProtocolVersion version)
    {
        for (int flags = 0; flags < 16; flags++)
        {
            // 3.1 sends its requests of QoS 1 again with DUP.
            if (flags == 2 || (flags == 10 && version == ProtocolVersion.Mqtt31))
                continue;
            foreach (int type in new[] { 0x80, 0xA0, 0x60 })
            {
                TestClient client = _broker.Connected("client", version);
                client.SendBytes((byte)(type | flags), 2, 0, 1);
                client.AssertClosed(ReasonCode.MalformedPacket);
            }
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.8.3-5")]
    [Clause311("MQTT-3.8.3-4")]
    public void Reserved_bits_and_impossible_options_end_the_connection(ProtocolVersion version)
    {
        foreach (byte options in new byte[] { 0x03, 0x40, 0x80, 0xC1, version == ProtocolVersion.Mqtt50 ? (byte)0x30 : (byte)0x04 })
        {
            // 3.1 says nothing about the upper bits, so they are let pass there or not; QoS 3 never is.
            if (version == ProtocolVersion.Mqtt31 && options != 3)
                continue;
            TestClient client = _broker.Connected("client", version);
            byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
            client.SendBytes([0x82, (byte)(6 + properties.Length), 0, 1, .. properties, 0, 1, (byte)'t', options]);
            Assert.True(client.IsClosed, $"{options:x2} was taken");
            Assert.Equal(0, _broker.Core.SubscriptionCount);
        }
    }

    [Fact]
    [Clause("MQTT-3.8.3-4")]
    public void No_Local_with_a_shared_subscription_is_a_protocol_error()
    {
        TestClient client = _broker.Connected("client");
        client.SendBytes([0x82, 16, 0, 1, 0, 0, 10, .. "$share/g/t"u8, 4]);
        client.AssertClosed(ReasonCode.ProtocolError);
        Assert.Equal(0, _broker.Core.SubscriptionCount);
    }

    [Fact]
    [Clause("MQTT-3.3.1-9")]
    [Clause("MQTT-3.3.1-11")]
    [Clause("MQTT-3.8.4-5")]
    public void Each_filter_of_a_SUBSCRIBE_has_its_own_retain_handling_and_its_own_copy()
    {
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("a", "1", retain: true);
        publisher.PublishSafely("b", "2", retain: true);
        TestClient client = _broker.Connected("client");
        client.Subscribe(1, 7, ("a", 0x01), ("b", 0x21), ("+", 0x12), ("#", 0x22));
        List<Seen> got = client.ReceiveAll();
        Assert.Equal(["a 1", "a 1", "b 2"], got.Select(seen => seen.Topic + " " + seen.Payload).Order());
        Assert.All(got, seen => Assert.Equal([7u], seen.SubscriptionIds));
        Assert.All(got, seen => Assert.True(seen.Retain));
    }

    [Fact]
    [Clause("MQTT-3.10.4-1")]
    public void Shared_and_plain_subscriptions_to_one_filter_are_removed_each_by_its_own_name()
    {
        TestClient client = _broker.Connected("client");
        client.Subscribe(1, 0, ("t", 0), ("$share/g/t", 0), ("$share/h/t", 0));
        Assert.Equal([(byte)ReasonCode.NoSubscriptionExisted, (byte)ReasonCode.Success], client.Unsubscribe(2, "$share/i/t", "$share/g/t").Codes);
        TestClient publisher = _broker.Connected("publisher");
        publisher.Publish("t", "x");
        Assert.Equal(2, client.ReceiveAll().Count);
        client.Unsubscribe(3, "t");
        publisher.Publish("t", "x");
        Assert.Single(client.ReceiveAll());
    }

    [Fact]
    [Clause("MQTT-3.10.4-2")]
    public void UNSUBSCRIBE_ends_the_retained_messages_that_are_still_owed()
    {
        TestClient publisher = _broker.Connected("publisher");
        for (int i = 0; i < 5; i++)
            publisher.PublishSafely($"r/{i}", "value", retain: true);
        TestClient client = _broker.Open();
        client.Connect("client", receiveMaximum: 1);
        client.Subscribe("r/+");
        Seen first = client.Next(PacketType.Publish);
        Assert.Equal([0], client.Unsubscribe(2, "r/+").Codes);
        client.Ack(PacketType.PubAck, first.PacketId).AssertNothing();
    }

    [Fact]
    public void Subscription_identifiers_live_with_the_session_and_come_with_retained_queued_and_resent_messages()
    {
        _broker.Connected("publisher").PublishSafely("t", "retained", retain: true);
        TestClient client = _broker.Lasting("client");
        client.Subscribe("t", identifier: 268_435_455);
        Assert.Equal([268_435_455u], client.ReceiveAll().Single().SubscriptionIds);
        client.Subscribe("+", options: 0x20, identifier: 2);
        _broker.Connected("publisher").PublishSafely("t", "resent");
        Assert.Equal([2u, 268_435_455u], client.Next(PacketType.Publish).SubscriptionIds.Order());
        client.Cut();
        _broker.Connected("publisher").PublishSafely("t", "queued");
        client = _broker.Lasting("client");
        List<Seen> got = client.ReceiveAll();
        Assert.Equal(["resent", "queued"], got.Payloads());
        Assert.All(got, seen => Assert.Equal([2u, 268_435_455u], seen.SubscriptionIds.Order()));
    }

    [Fact]
    [Clause("MQTT-3.8.3-3")]
    public void No_Local_of_one_subscription_does_not_hide_what_another_wants()
    {
        TestClient client = _broker.Connected("client");
        client.Subscribe("t", QoS.ExactlyOnce, options: 4, identifier: 1);
        client.Subscribe("+", QoS.AtLeastOnce, identifier: 2);
        client.Publish("t", "own", QoS.ExactlyOnce);
        Seen own = Assert.Single(client.ReceiveAll());
        Assert.Equal((QoS.AtLeastOnce, 2u), (own.QoS, own.SubscriptionIds.Single()));
    }
}
