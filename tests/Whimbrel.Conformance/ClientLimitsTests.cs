using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>What a 5.0 client may ask of the broker in CONNECT (3.1.2.11): sizes, windows, aliases, how much is said.</summary>
public class ClientLimitsTests
{
    private readonly TestBroker _broker = new();

    [Fact]
    [Clause("MQTT-3.1.2-24")]
    [Clause("MQTT-3.1.2-25")]
    public void A_message_too_large_for_the_client_is_dropped_with_a_name_and_the_next_one_comes()
    {
        TestClient client = _broker.Open();
        client.Connect("client", maximumPacketSize: 100);
        client.Subscribe("t");
        foreach (QoS qos in Enum.GetValues<QoS>())
        {
            // 2 + 2 + 1 + 1 bytes around the payload, and a packet identifier above QoS 0.
            int room = qos == QoS.AtMostOnce ? 94 : 92;
            Publish("t", new string('x', room + 1), qos);
            client.AssertNothing();
            Publish("t", new string('y', room), qos);
            Seen seen = Assert.Single(client.ReceiveAll());
            Assert.Equal((100, 'y'), (seen.Length, seen.Payload[0]));
        }

        Assert.Equal(Enumerable.Repeat(DropReason.PacketTooLarge, 3), _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-3.1.2-25")]
    public void A_message_that_is_too_large_does_not_hold_the_queue_or_the_window_up()
    {
        TestClient client = _broker.Open();
        client.Connect("client", expiry: 100, maximumPacketSize: 100);
        client.Subscribe("t");
        client.Cut();
        Publish("t", "first", QoS.AtLeastOnce);
        Publish("t", new string('x', 200), QoS.ExactlyOnce);
        Publish("t", "last", QoS.AtLeastOnce);
        client = _broker.Open();
        client.Connect("client", clean: false, expiry: 100, maximumPacketSize: 100, receiveMaximum: 1);
        Assert.Equal(["first", "last"], client.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal(0, _broker.Core.DescribeClients().Single().InFlight);
    }

    [Fact]
    [Clause("MQTT-3.1.2-25")]
    public void A_message_in_flight_that_a_smaller_limit_shuts_out_counts_as_delivered()
    {
        TestClient client = _broker.Open();
        client.Connect("client", expiry: 100);
        client.Subscribe("t");
        Publish("t", new string('x', 200), QoS.ExactlyOnce);
        client.Next(PacketType.Publish);
        client.Cut();
        client = _broker.Open();
        client.Connect("client", clean: false, expiry: 100, maximumPacketSize: 100);
        client.AssertNothing();
        Assert.Equal(0, _broker.Core.DescribeClients().Single().InFlight);
        Assert.Equal([DropReason.PacketTooLarge], _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-3.1.2-24")]
    public void An_answer_too_large_for_the_client_ends_the_connection()
    {
        TestClient client = _broker.Open();
        client.Connect("client", maximumPacketSize: 40);
        (string, byte)[] filters = [.. Enumerable.Range(0, 40).Select(i => ($"f/{i}", (byte)0))];
        Assert.Equal(ReasonCode.PacketTooLarge, client.Subscribe(5, 0, filters).Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(CloseReason.AnswerTooLarge, Assert.Single(_broker.Events, e => e.Kind == BrokerEventKind.Closed).CloseReason);
    }

    [Theory]
    [InlineData(null)]
    [InlineData((ushort)0)]
    [Clause("MQTT-3.1.2-27")]
    public void Without_a_topic_alias_maximum_no_alias_is_sent(ushort? maximum)
    {
        TestClient client = _broker.Open();
        client.Connect("client", topicAliasMaximum: maximum);
        client.Subscribe("#", QoS.AtMostOnce);
        for (int i = 0; i < 3; i++)
        {
            Publish("a/long/topic", "x", QoS.AtMostOnce);
            Seen seen = client.Next(PacketType.Publish);
            Assert.Equal(("a/long/topic", (ushort)0), (seen.Topic, seen.TopicAlias));
        }
    }

    [Fact]
    [Clause("MQTT-3.1.2-26")]
    public void Aliases_stay_within_the_maximum_and_stand_for_the_right_topics()
    {
        TestClient client = _broker.Open();
        client.Connect("client", topicAliasMaximum: 3);
        client.Subscribe("#", QoS.AtMostOnce);
        var topics = new Dictionary<ushort, string>();
        bool used = false;
        for (int i = 0; i < 60; i++)
        {
            string topic = $"a/long/topic/{i % 7}";
            Publish(topic, "x", QoS.AtMostOnce);
            Seen seen = client.Next(PacketType.Publish);
            Assert.InRange(seen.TopicAlias, 0, 3);
            if (seen.TopicAlias != 0 && seen.Topic.Length > 0)
                topics[seen.TopicAlias] = seen.Topic;
            Assert.Equal(topic, seen.Topic.Length > 0 ? seen.Topic : topics[seen.TopicAlias]);
            used |= seen.TopicAlias != 0;
        }

        Assert.True(used, "no alias was ever used");
    }

    [Theory]
    [InlineData(null)]
    [InlineData((ushort)1)]
    [InlineData((ushort)5)]
    public void No_more_messages_are_in_flight_than_the_client_s_receive_maximum(ushort? maximum)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 10 });
        TestClient client = broker.Open();
        client.Connect("client", receiveMaximum: maximum);
        client.Subscribe("t");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (ushort i = 1; i <= 20; i++)
            publisher.Publish("t", i.ToString(), QoS.AtLeastOnce, packetId: i);
        Assert.Equal(maximum ?? 10, client.Rest().Count);
    }

    [Theory]
    [InlineData(PropertyId.ReceiveMaximum, 2)]
    [InlineData(PropertyId.MaximumPacketSize, 4)]
    public void A_limit_of_0_is_a_protocol_error(PropertyId property, int width) =>
        AssertRefused(ReasonCode.ProtocolError, RawConnect.Number(property, 0, width));

    [Theory]
    [InlineData(PropertyId.RequestProblemInformation)]
    [InlineData(PropertyId.RequestResponseInformation)]
    public void A_request_that_is_neither_0_nor_1_is_a_protocol_error(PropertyId property) =>
        AssertRefused(ReasonCode.ProtocolError, RawConnect.Number(property, 2, 1));

    [Theory]
    [InlineData(PropertyId.SessionExpiryInterval, 4)]
    [InlineData(PropertyId.ReceiveMaximum, 2)]
    [InlineData(PropertyId.MaximumPacketSize, 4)]
    [InlineData(PropertyId.TopicAliasMaximum, 2)]
    [InlineData(PropertyId.RequestProblemInformation, 1)]
    [InlineData(PropertyId.RequestResponseInformation, 1)]
    public void A_limit_given_twice_is_a_protocol_error(PropertyId property, int width) =>
        AssertRefused(ReasonCode.ProtocolError, [.. RawConnect.Number(property, width == 1 ? 1u : 100, width), .. RawConnect.Number(property, width == 1 ? 1u : 100, width)]);

    [Fact]
    [Clause("MQTT-3.1.2-29")]
    public void Who_wants_no_problem_information_gets_reasons_without_text_but_in_CONNACK_and_DISCONNECT()
    {
        var broker = new TestBroker(authorizer: new AskedAuthorizer((action, topic) => topic == "no" ? Verdict.Denied : Verdict.Allowed));
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Properties = RawConnect.Number(PropertyId.RequestProblemInformation, 0, 1) }).SendOn(broker.Open());
        client.Next(PacketType.ConnAck);
        int before = client.Link.Arrived.Count;
        client.Publish("no", "x", QoS.AtLeastOnce, packetId: 1);
        client.Publish("no", "x", QoS.ExactlyOnce, packetId: 2);
        client.Ack(PacketType.PubRel, 99);
        Assert.Equal([0x87, 0x87], new[] { client.Next(PacketType.PubAck).Reason, client.Next(PacketType.PubRec).Reason }.Select(reason => (int)reason));
        Assert.Equal(ReasonCode.PacketIdentifierNotFound, client.Next(PacketType.PubComp).Reason);
        Assert.Equal([0x87], client.Subscribe("no").Codes);
        Assert.Equal([0x11], client.Unsubscribe(11, "none").Codes);
        // Packet identifier and reason are all there is, whatever the reason: no property has room.
        Assert.Equal(5 + 5 + 5 + 6 + 6, client.Link.Arrived.Count - before);
    }

    private static void AssertRefused(ReasonCode reason, byte[] properties)
    {
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Properties = properties }).SendOn(new TestBroker().Open());
        Assert.Equal(reason, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
    }

    private void Publish(string topic, string payload, QoS qos)
    {
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        publisher.Publish(topic, payload, qos);
        if (qos == QoS.ExactlyOnce)
            publisher.Ack(PacketType.PubRel, 1);
        publisher.Disconnect();
    }
}
