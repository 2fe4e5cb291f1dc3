using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>What a subscriber's copy of a message looks like (sections 3.3 and 3.8.4).</summary>
public class DeliveryTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<ProtocolVersion> Versions() => [ProtocolVersion.Mqtt31, ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50];

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.1-3")]
    [Clause311("MQTT-3.3.1-3")]
    [Clause("MQTT-4.3.1-1")]
    [Clause311("MQTT-4.3.1-1")]
    [Clause("MQTT-4.3.2-2")]
    [Clause("MQTT-4.3.3-2")]
    public void The_publisher_s_DUP_is_not_passed_on_and_a_first_delivery_has_none(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("t");
        TestClient publisher = Connected("publisher", version);
        publisher.Publish("t", "0");
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1, duplicate: true);
        publisher.Publish("t", "2", QoS.ExactlyOnce, packetId: 2, duplicate: true);
        List<Seen> got = subscriber.ReceiveAll();
        Assert.Equal([QoS.AtMostOnce, QoS.AtLeastOnce, QoS.ExactlyOnce], got.Select(seen => seen.QoS));
        Assert.All(got, seen => Assert.False(seen.Duplicate));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.8.4-8")]
    [Clause311("MQTT-3.8.4-6")]
    [Clause("MQTT-3.8.4-7")]
    [Clause("MQTT-3.3.2-3")]
    [Clause311("MQTT-3.3.2-3")]
    public void A_copy_has_the_smaller_of_the_published_and_the_granted_QoS(ProtocolVersion version)
    {
        TestClient publisher = Connected("publisher", version);
        foreach (QoS granted in Enum.GetValues<QoS>())
        {
            TestClient subscriber = Connected("subscriber", version);
            Assert.Equal([(byte)granted], subscriber.Subscribe("t/+", granted).Codes);
            foreach (QoS published in Enum.GetValues<QoS>())
            {
                publisher.Publish("t/x", "x", published, packetId: (ushort)(10 + (int)published)).Rest();
                Seen copy = Assert.Single(subscriber.ReceiveAll());
                Assert.Equal(("t/x", published < granted ? published : granted), (copy.Topic, copy.QoS));
                publisher.Ack(PacketType.PubRel, (ushort)(10 + (int)published)).Rest();
            }

            subscriber.Disconnect();
        }
    }

    [Theory]
    [MemberData(nameof(Versions))]
    [Clause("MQTT-3.3.4-2")]
    [Clause311("MQTT-3.3.5-1")]
    public void Overlapping_subscriptions_give_one_copy_with_the_highest_QoS(ProtocolVersion version)
    {
        TestClient subscriber = Connected("subscriber", version);
        subscriber.Subscribe("t/#", QoS.AtMostOnce);
        subscriber.Subscribe("t/x", QoS.ExactlyOnce);
        subscriber.Subscribe("+/x", QoS.AtLeastOnce);
        Connected("publisher", version).Publish("t/x", "x", QoS.ExactlyOnce);
        Assert.Equal(QoS.ExactlyOnce, Assert.Single(subscriber.ReceiveAll()).QoS);
    }

    [Fact]
    [Clause("MQTT-3.3.4-3")]
    [Clause("MQTT-3.3.4-4")]
    public void One_copy_names_every_subscription_identifier_that_matched()
    {
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("t/#", identifier: 3);
        subscriber.Subscribe("t/x", identifier: 200_000_000);
        subscriber.Subscribe("+/x");
        subscriber.Subscribe("other", identifier: 9);
        Connected("publisher").Publish("t/x", "x");
        Assert.Equal([3u, 200_000_000u], Assert.Single(subscriber.ReceiveAll()).SubscriptionIds.Order());
    }

    [Fact]
    [Clause("MQTT-3.3.4-5")]
    public void A_second_copy_through_a_shared_subscription_names_that_one_s_identifier()
    {
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("t", identifier: 1);
        subscriber.Subscribe("$share/g/t", identifier: 2);
        Connected("publisher").Publish("t", "x");
        Assert.Equal([1u, 2u], subscriber.ReceiveAll().Select(seen => Assert.Single(seen.SubscriptionIds)).Order());
    }

    [Fact]
    [Clause("MQTT-3.3.4-6")]
    public void A_subscription_identifier_from_a_client_is_a_protocol_error()
    {
        TestClient client = Connected("client");
        client.Send(new PublishPacket { Topic = "t"u8, SubscriptionIdentifiers = new uint[] { 1 } });
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    [Clause("MQTT-3.8.3-3")]
    public void No_Local_keeps_a_client_s_own_messages_from_it_and_from_nobody_else()
    {
        TestClient client = Connected("client");
        client.Subscribe("t", options: 4);
        TestClient other = Connected("other");
        other.Subscribe("t", options: 4);
        client.Publish("t", "x");
        Assert.Empty(client.ReceiveAll());
        Assert.Single(other.ReceiveAll());
    }

    [Fact]
    [Clause("MQTT-3.3.2-4")]
    [Clause("MQTT-3.3.2-15")]
    [Clause("MQTT-3.3.2-16")]
    [Clause("MQTT-3.3.2-17")]
    [Clause("MQTT-3.3.2-18")]
    [Clause("MQTT-3.3.2-20")]
    public void Every_property_of_the_message_is_passed_on_unaltered_and_in_order()
    {
        byte[] properties =
        [
            0x26, 0, 1, (byte)'b', 0, 1, (byte)'1',
            0x01, 1,
            0x03, 0, 4, .. "json"u8,
            0x26, 0, 1, (byte)'a', 0, 1, (byte)'2',
            0x08, 0, 5, .. "reply"u8,
            0x09, 0, 3, 1, 0, 255,
            0x26, 0, 1, (byte)'b', 0, 1, (byte)'3',
        ];
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("t");
        Connected("publisher").Publish("t", "{}", properties: properties, expiry: 60, alias: 1);
        Seen copy = Assert.Single(subscriber.ReceiveAll());
        Assert.Equal(properties, copy.Properties);
        Assert.Equal(60u, copy.MessageExpirySeconds);
        Assert.Equal(0, copy.TopicAlias);
    }

    [Fact]
    [Clause("MQTT-3.3.2-5")]
    [Clause("MQTT-3.3.2-6")]
    public void Message_expiry_is_counted_down_and_what_is_over_is_dropped_by_name()
    {
        TestClient sleeper = Connected("sleeper", expiry: 1000);
        sleeper.Subscribe("t");
        sleeper.Disconnect();
        TestClient publisher = Connected("publisher");
        publisher.Publish("t", "short", QoS.AtLeastOnce, expiry: 10);
        publisher.Publish("t", "long", QoS.AtLeastOnce, expiry: 100);
        _broker.Advance(40);
        Seen copy = Assert.Single(Resumed("sleeper").ReceiveAll());
        Assert.Equal(("long", 60u), (copy.Payload, copy.MessageExpirySeconds));
        Assert.Equal([DropReason.Expired], _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-3.1.2-24")]
    [Clause("MQTT-3.1.2-25")]
    public void A_copy_too_large_for_the_client_is_left_out_by_name_and_the_link_stays()
    {
        TestClient small = _broker.Open();
        small.Connect("small", maximumPacketSize: 64);
        small.Subscribe("t");
        TestClient large = Connected("large");
        large.Subscribe("t");
        TestClient publisher = Connected("publisher");
        publisher.Publish("t", new string('x', 100), QoS.AtLeastOnce);
        publisher.Publish("t", "small enough", QoS.AtLeastOnce);
        Assert.Equal(["small enough"], small.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal(2, large.ReceiveAll().Count);
        Assert.Equal([DropReason.PacketTooLarge], _broker.Drops);
        Assert.False(small.IsClosed);
    }

    [Fact]
    [Clause("MQTT-3.4.2-2")]
    [Clause("MQTT-3.4.2-3")]
    [Clause("MQTT-3.5.2-2")]
    [Clause("MQTT-3.5.2-3")]
    [Clause("MQTT-3.6.2-2")]
    [Clause("MQTT-3.6.2-3")]
    [Clause("MQTT-3.7.2-2")]
    [Clause("MQTT-3.7.2-3")]
    [Clause("MQTT-3.9.2-1")]
    [Clause("MQTT-3.9.2-2")]
    [Clause("MQTT-3.11.2-1")]
    [Clause("MQTT-3.11.2-2")]
    public void Acknowledgements_carry_nothing_that_could_make_them_larger_than_a_small_client_allows()
    {
        TestClient client = _broker.Open();
        client.Connect("client", maximumPacketSize: 32);
        client.Publish("$denied", "x", QoS.AtLeastOnce, packetId: 1).Publish("$denied", "x", QoS.ExactlyOnce, packetId: 2);
        client.Ack(PacketType.PubRel, 3).Ack(PacketType.PubRec, 4);
        List<Seen> answers = client.Rest();
        answers.Add(client.Subscribe(5, 0, ("a", 0)));
        answers.Add(client.Unsubscribe(6, "a"));
        Assert.Equal([PacketType.PubAck, PacketType.PubRec, PacketType.PubComp, PacketType.PubRel, PacketType.SubAck, PacketType.UnsubAck], answers.Select(seen => seen.Type));
        Assert.All(answers, seen => Assert.InRange(seen.Length, 4, 8));
        Assert.All(answers, seen => Assert.Empty(seen.ReasonString));
    }

    [Fact]
    public void A_publisher_is_told_0x10_when_nobody_matches()
    {
        TestClient publisher = Connected("publisher");
        Assert.Equal(ReasonCode.NoMatchingSubscribers, publisher.Publish("t", "x", QoS.AtLeastOnce).Next(PacketType.PubAck).Reason);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, publisher.Publish("t", "x", QoS.ExactlyOnce).Next(PacketType.PubRec).Reason);
    }

    [Fact]
    [Clause("MQTT-3.3.2-12")]
    [Clause("MQTT-3.3.2-7")]
    public void Every_announced_topic_alias_works_and_none_outlives_its_connection()
    {
        TestClient subscriber = Connected("subscriber");
        subscriber.Subscribe("#");
        TestClient publisher = _broker.Open();
        ushort max = publisher.Connect("publisher", expiry: 100).TopicAliasMaximum!.Value;
        for (ushort alias = 1; alias <= max; alias++)
            publisher.Publish("t/" + alias, "x", alias: alias).Publish("", "y", alias: alias);
        Assert.Equal(Enumerable.Range(1, max).SelectMany(i => new[] { "t/" + i, "t/" + i }), subscriber.ReceiveAll().Select(seen => seen.Topic));
        publisher.Cut();
        publisher = Resumed("publisher");
        publisher.Publish("", "z", alias: 1);
        publisher.AssertClosed(ReasonCode.ProtocolError);
        Assert.Empty(subscriber.ReceiveAll());
    }

    [Fact]
    [Clause("MQTT-3.3.2-9")]
    public void A_topic_alias_above_the_announced_maximum_ends_the_connection()
    {
        TestClient publisher = _broker.Open();
        ushort max = publisher.Connect("publisher").TopicAliasMaximum!.Value;
        publisher.Publish("t", "x", alias: (ushort)(max + 1));
        publisher.AssertClosed(ReasonCode.TopicAliasInvalid);
    }

    [Fact]
    [Clause("MQTT-3.3.2-11")]
    [Clause("MQTT-3.1.2-26")]
    [Clause("MQTT-3.1.2-27")]
    public void The_broker_s_own_aliases_stay_within_what_the_client_allows()
    {
        TestClient subscriber = _broker.Open();
        subscriber.Connect("subscriber", topicAliasMaximum: 2);
        subscriber.Subscribe("#");
        TestClient without = Connected("without");
        without.Subscribe("#");
        TestClient publisher = Connected("publisher");
        foreach (string topic in new[] { "topic/a", "topic/b", "topic/a", "topic/c", "topic/c", "topic/a" })
            publisher.Publish(topic, "x");
        List<Seen> got = subscriber.ReceiveAll();
        Assert.All(got, seen => Assert.InRange(seen.TopicAlias, 1, 2));
        Assert.Equal(["topic/a", "topic/b", "", "topic/c", "", "topic/a"], got.Select(seen => seen.Topic));
        // Read as a client reads them, the aliases give every topic back.
        var aliases = new Dictionary<ushort, string>();
        var topics = new List<string>();
        foreach (Seen seen in got)
        {
            if (seen.Topic.Length > 0)
                aliases[seen.TopicAlias] = seen.Topic;
            topics.Add(aliases[seen.TopicAlias]);
        }

        Assert.Equal(["topic/a", "topic/b", "topic/a", "topic/c", "topic/c", "topic/a"], topics);
        Assert.All(without.ReceiveAll(), seen => Assert.Equal(0, seen.TopicAlias));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public void Topics_that_begin_with_a_dollar_are_the_broker_s_own(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions());
        broker.Advance(1);
        TestClient client = broker.Open();
        client.Connect("client", version);
        client.Subscribe("#");
        client.Subscribe("+/broker/uptime");
        Assert.Empty(client.ReceiveAll());
        client.Subscribe("$SYS/broker/uptime");
        Assert.Equal("$SYS/broker/uptime", Assert.Single(client.ReceiveAll()).Topic);
        client.Publish("$SYS/broker/uptime", "forged", QoS.AtLeastOnce);
        Assert.Equal(version == ProtocolVersion.Mqtt50 ? ReasonCode.NotAuthorized : ReasonCode.Success, client.Next(PacketType.PubAck).Reason);
        Assert.Empty(client.ReceiveAll());
    }

    private TestClient Connected(string name, ProtocolVersion version = ProtocolVersion.Mqtt50, uint? expiry = null)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, expiry: expiry);
        return client;
    }

    private TestClient Resumed(string name)
    {
        TestClient client = _broker.Open();
        Assert.True(client.Connect(name, clean: false, expiry: 1000).SessionPresent);
        return client;
    }
}
