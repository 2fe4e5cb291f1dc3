using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>What a PUBLISH may say, and that what it says arrives as it was said (sections 3.3 and 4.7).</summary>
public class PublishTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.3.1-4")]
    [Clause311("MQTT-3.3.1-4")]
    public void QoS_3_ends_the_connection(ProtocolVersion version)
    {
        TestClient client = _broker.Connected("client", version);
        client.SendBytes(0x36, 5, 0, 1, (byte)'t', 0, 1);
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.3.1-2")]
    [Clause311("MQTT-3.3.1-2")]
    public void DUP_with_QoS_0_ends_the_connection(ProtocolVersion version)
    {
        TestClient client = _broker.Connected("client", version);
        client.Publish("t", "x", duplicate: true);
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Theory]
    [InlineData("+/x")]
    [InlineData("x/#")]
    [InlineData("x+")]
    [Clause("MQTT-3.3.2-2")]
    [Clause("MQTT-4.7.0-1")]
    [Clause311("MQTT-3.3.2-2")]
    [Clause311("MQTT-4.7.1-1")]
    public void A_topic_name_with_a_wildcard_ends_the_connection_and_reaches_nobody(string topic)
    {
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
        {
            TestClient subscriber = _broker.Connected("subscriber", version);
            subscriber.Subscribe("#");
            TestClient client = _broker.Connected("client", version);
            client.Publish(topic, "x");
            client.AssertClosed(ReasonCode.TopicNameInvalid);
            subscriber.AssertNothing();
        }
    }

    [Fact]
    [Clause("MQTT-3.3.2-8")]
    public void Topic_alias_0_ends_the_connection()
    {
        TestClient client = _broker.Connected("client");
        client.SendBytes(0x30, 7, 0, 1, (byte)'t', 3, 0x23, 0, 0);
        client.AssertClosed(ReasonCode.TopicAliasInvalid);
    }

    [Fact]
    [Clause("MQTT-3.3.2-14")]
    public void A_response_topic_with_a_wildcard_ends_the_connection()
    {
        TestClient client = _broker.Connected("client");
        client.Publish("t", "x", properties: [0x08, 0, 3, .. "r/#"u8]);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(100_000)]
    public void A_payload_of_any_size_arrives_whole_in_every_version_and_shape(int size)
    {
        string payload = string.Concat(Enumerable.Range(0, size).Select(i => (char)('a' + (i % 26))));
        var subscribers = new List<TestClient>();
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
        {
            foreach (QoS qos in Enum.GetValues<QoS>())
            {
                subscribers.Add(_broker.Connected($"{version} {qos}", version));
                subscribers[^1].Subscribe("topic", qos, identifier: version == ProtocolVersion.Mqtt50 && qos == QoS.AtLeastOnce ? 5u : 0);
            }
        }

        subscribers.Add(_broker.Open());
        subscribers[^1].Connect("aliased", topicAliasMaximum: 3);
        subscribers[^1].Subscribe("topic");
        TestClient publisher = _broker.Connected("publisher");
        publisher.PublishSafely("topic", payload, QoS.ExactlyOnce);
        publisher.PublishSafely("topic", payload, QoS.ExactlyOnce, retain: true);
        foreach (TestClient subscriber in subscribers)
            Assert.Equal([payload, payload], subscriber.ReceiveAll().Payloads());
        TestClient late = _broker.Connected("late");
        late.Subscribe("topic");
        Assert.Equal(size == 0 ? [] : [payload], late.ReceiveAll().Payloads());
    }

    [Fact]
    [Clause("MQTT-3.3.2-4")]
    [Clause("MQTT-3.3.2-15")]
    [Clause("MQTT-3.3.2-16")]
    [Clause("MQTT-3.3.2-17")]
    [Clause("MQTT-3.3.2-18")]
    [Clause("MQTT-3.3.2-20")]
    public void Properties_survive_the_retained_store_the_queue_a_second_attempt_and_shared_subscriptions()
    {
        byte[] properties = [0x26, 0, 1, (byte)'b', 0, 1, (byte)'1', 0x09, 0, 2, 0, 255, 0x08, 0, 1, (byte)'r', 0x03, 0, 1, (byte)'c', 0x01, 0, 0x26, 0, 1, (byte)'a', 0, 0];
        TestClient queued = _broker.Lasting("queued");
        queued.Subscribe("t");
        queued.Cut();
        TestClient resent = _broker.Lasting("resent");
        resent.Subscribe("t");
        TestClient shared = _broker.Connected("shared");
        shared.Subscribe("$share/g/t");
        _broker.Connected("publisher").PublishSafely("t", "x", retain: true, properties: properties);
        resent.Next(PacketType.Publish);
        resent.Cut();
        TestClient late = _broker.Connected("late");
        late.Subscribe("t");
        foreach (TestClient client in new[] { _broker.Lasting("queued"), _broker.Lasting("resent"), shared, late })
            Assert.Equal(properties, Assert.Single(client.ReceiveAll()).Properties);
    }

    [Fact]
    public void A_client_of_3_1_1_gets_the_message_of_a_5_0_client_without_its_properties_and_the_other_way_round()
    {
        TestClient old = _broker.Connected("old", ProtocolVersion.Mqtt311);
        old.Subscribe("t");
        TestClient recent = _broker.Connected("recent");
        recent.Subscribe("t");
        recent.Publish("t", "from 5.0", expiry: 60, properties: [0x26, 0, 1, (byte)'a', 0, 1, (byte)'b']);
        old.Publish("t", "from 3.1.1");
        Assert.Equal(["from 5.0", "from 3.1.1"], old.ReceiveAll().Payloads());
        Seen plain = recent.ReceiveAll()[1];
        Assert.Equal("from 3.1.1", plain.Payload);
        Assert.Empty(plain.Properties);
        Assert.Null(plain.MessageExpirySeconds);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.7.3-4")]
    [Clause311("MQTT-4.7.3-4")]
    public void Topics_are_compared_byte_for_byte_and_empty_levels_count(ProtocolVersion version)
    {
        // A letter with its accent is one character or two that look the same; U+FEFF is a character like any other.
        string[] topics = ["t", "T", "/t", "t/", "t//x", "t/x", " t", "caf\u00e9", "cafe\u0301", "\ufeffcaf\u00e9", "\u212b", "\u00c5", "\U0001f426"];
        TestClient publisher = _broker.Connected("publisher", version);
        foreach (string topic in topics)
            publisher.Publish(topic, Convert.ToHexString(Encoding.UTF8.GetBytes(topic)), retain: true);
        foreach (string topic in topics)
        {
            TestClient subscriber = _broker.Connected("subscriber", version);
            subscriber.Subscribe(topic);
            foreach (string other in topics)
                publisher.Publish(other, "live");
            List<Seen> got = subscriber.ReceiveAll();
            Assert.Equal([Convert.ToHexString(Encoding.UTF8.GetBytes(topic)), "live"], got.Payloads());
            Assert.All(got, seen => Assert.Equal(topic, seen.Topic));
        }

        Assert.Equal(topics.Length, _broker.Core.RetainedCount);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.7.2-1")]
    [Clause311("MQTT-4.7.2-1")]
    public void No_filter_that_begins_with_a_wildcard_sees_the_broker_s_topics_live_or_retained(ProtocolVersion version)
    {
        TestClient early = _broker.Connected("early", version);
        TestClient late = _broker.Connected("late", version);
        string[] filters = ["#", "+/#", "+/broker/x", "+/+/+", "+/+/#"];
        foreach (string filter in filters)
            early.Subscribe(filter);
        early.Subscribe("$SYS/+/x");
        _broker.Do(turn => _broker.Core.Publish(new Message("$SYS/broker/x"u8, "1"u8, retain: true), turn));
        Assert.Single(early.ReceiveAll());
        foreach (string filter in filters)
            late.Subscribe(filter);
        Assert.Empty(late.ReceiveAll());
        late.Subscribe("$SYS/#");
        Assert.Single(late.ReceiveAll());
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void What_clients_publish_to_a_dollar_topic_is_acknowledged_refused_named_and_not_retained(ProtocolVersion version)
    {
        TestClient subscriber = _broker.Connected("subscriber", version);
        subscriber.Subscribe("$x/#");
        TestClient publisher = _broker.Connected("publisher", version);
        ReasonCode refusal = version == ProtocolVersion.Mqtt50 ? ReasonCode.NotAuthorized : ReasonCode.Success;
        publisher.Publish("$x/a", "0", retain: true).AssertNothing();
        Assert.Equal(refusal, publisher.Publish("$x/a", "1", QoS.AtLeastOnce, retain: true).Next(PacketType.PubAck).Reason);
        Assert.Equal(refusal, publisher.Publish("$x/a", "2", QoS.ExactlyOnce, retain: true).Next(PacketType.PubRec).Reason);
        if (version != ProtocolVersion.Mqtt50)
            publisher.Ack(PacketType.PubRel, 1).Next(PacketType.PubComp);
        subscriber.AssertNothing();
        Assert.Equal(0, _broker.Core.RetainedCount);
        Assert.Equal(Enumerable.Repeat(DropReason.PublishNotAuthorized, 3), _broker.Drops);
    }
}
