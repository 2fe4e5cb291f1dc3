using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 3.3.2.3.4: topic aliases of clients and the broker's own.</summary>
public class TopicAliasTests
{
    private readonly TestBroker _broker = new();

    [Fact]
    public void A_client_may_give_an_alias_to_another_topic_with_any_QoS()
    {
        TestClient subscriber = _broker.Connected("subscriber");
        subscriber.Subscribe("#");
        TestClient publisher = _broker.Connected("publisher");
        publisher.Publish("a", "1", alias: 5)
            .Publish("", "2", QoS.AtLeastOnce, alias: 5)
            .Publish("b", "3", QoS.ExactlyOnce, alias: 5, packetId: 2)
            .Publish("", "4", alias: 5)
            .Publish("a", "5");
        Assert.Equal(["a 1", "a 2", "b 3", "b 4", "a 5"], subscriber.ReceiveAll().Select(seen => seen.Topic + " " + seen.Payload));
    }

    [Fact]
    public void An_alias_holds_even_when_the_publish_that_set_it_was_refused_or_repeated()
    {
        TestClient subscriber = _broker.Connected("subscriber");
        subscriber.Subscribe("#");
        subscriber.Subscribe("$SYS/broker/connection/#");
        TestClient publisher = _broker.Connected("publisher");
        publisher.Publish("$denied", "1", QoS.AtLeastOnce, alias: 1);
        Assert.Equal(ReasonCode.NotAuthorized, publisher.Next(PacketType.PubAck).Reason);
        publisher.Publish("", "2", QoS.AtLeastOnce, alias: 1);
        Assert.Equal(ReasonCode.NotAuthorized, publisher.Next(PacketType.PubAck).Reason);
        publisher.Publish("a", "3", QoS.ExactlyOnce, packetId: 9, alias: 2)
            .Publish("a", "3", QoS.ExactlyOnce, packetId: 9, alias: 3, duplicate: true)
            .Publish("", "4", alias: 3);
        Assert.Equal(["a 3", "a 4"], subscriber.ReceiveAll().Select(seen => seen.Topic + " " + seen.Payload));
    }

    [Fact]
    public void A_publish_with_neither_topic_nor_alias_ends_the_connection()
    {
        TestClient publisher = _broker.Connected("publisher");
        publisher.Publish("", "x");
        publisher.AssertClosed(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [Clause311("MQTT-4.7.3-1")]
    public void Before_5_0_there_are_no_aliases_and_an_empty_topic_ends_the_connection(ProtocolVersion version)
    {
        TestClient publisher = _broker.Connected("publisher", version);
        publisher.Publish("", "x");
        publisher.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    [Clause("MQTT-3.3.2-7")]
    [Clause("MQTT-3.3.2-11")]
    public void The_broker_s_own_aliases_start_anew_with_each_connection_and_its_new_maximum()
    {
        TestClient subscriber = _broker.Lasting("subscriber", topicAliasMaximum: 2);
        subscriber.Subscribe("#");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("topic/a", "1");
        publisher.PublishSafely("topic/a", "2");
        Assert.Equal(["topic/a", ""], subscriber.Rest().Select(seen => seen.Topic));
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber", topicAliasMaximum: 1);
        Assert.Equal([("topic/a", 1), ("", 1)], subscriber.Rest().Select(seen => (seen.Topic, (int)seen.TopicAlias)));
        subscriber.Cut();
        subscriber = _broker.Lasting("subscriber");
        Assert.Equal([("topic/a", 0), ("topic/a", 0)], subscriber.Rest().Select(seen => (seen.Topic, (int)seen.TopicAlias)));
    }

    [Fact]
    public void Topics_that_an_alias_would_not_shorten_are_sent_as_they_are()
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", topicAliasMaximum: 10);
        subscriber.Subscribe("#");
        _broker.Connected("publisher").Publish("abc", "1").Publish("abc", "2");
        Assert.Equal([("abc", 0), ("abc", 0)], subscriber.ReceiveAll().Select(seen => (seen.Topic, (int)seen.TopicAlias)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [Clause("MQTT-3.1.2-25")]
    public void An_alias_never_makes_a_packet_too_large_that_fits_without(int room)
    {
        // Plain: 2 + 2 + 5 + 1 bytes around the payload. An alias adds 3, and saves 5 from its second use on.
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", topicAliasMaximum: 10, maximumPacketSize: 100);
        subscriber.Subscribe("topic", QoS.AtMostOnce);
        TestClient publisher = _broker.Connected("publisher");
        publisher.Publish("topic", new string('x', 90 - room));
        Assert.Equal(room < 3 ? 0 : 1, Assert.Single(subscriber.ReceiveAll()).TopicAlias);
        publisher.Publish("topic", "sets the alias").Publish("topic", new string('y', 91));
        Assert.Equal(["sets the alias", new string('y', 91)], subscriber.ReceiveAll().Payloads());
        publisher.Publish("topic", new string('z', 93));
        subscriber.AssertNothing();
        Assert.Equal([Whimbrel.Broker.DropReason.PacketTooLarge], _broker.Drops);
    }
}
