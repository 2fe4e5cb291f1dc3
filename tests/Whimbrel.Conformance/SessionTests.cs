using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Clean start (3.1.2.4), session expiry (3.1.2.11.2, 3.14.2.2.2) and what a session holds (4.1).</summary>
public class SessionTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-4")]
    [Clause("MQTT-3.1.4-4")]
    [Clause311("MQTT-3.1.2-6")]
    [Clause311("MQTT-3.1.4-3")]
    public void A_clean_start_discards_subscriptions_queue_and_what_is_in_flight(ProtocolVersion version)
    {
        TestClient client = Persistent("client", version);
        client.Subscribe("t");
        Publish("t", "in flight", QoS.AtLeastOnce);
        Assert.Equal("in flight", client.Next(PacketType.Publish).Payload);
        client.Cut();
        Publish("t", "queued", QoS.AtLeastOnce);
        client = _broker.Open();
        Assert.False(client.Connect("client", version, clean: true, expiry: Expiry(version)).SessionPresent);
        Publish("t", "live", QoS.AtLeastOnce);
        client.AssertNothing();
        Assert.Equal(0, _broker.Core.SubscriptionCount);
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause311("MQTT-3.1.2-6")]
    public void A_session_that_began_clean_is_not_resumed_by_a_later_connection(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, clean: true);
        client.Subscribe("t");
        client.Cut();
        Assert.Equal(0, _broker.Core.SessionCount);
        client = _broker.Open();
        Assert.False(client.Connect("client", version, clean: false, expiry: Expiry(version)).SessionPresent);
        Publish("t", "x", QoS.AtLeastOnce);
        client.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-5")]
    [Clause("MQTT-3.1.2-23")]
    [Clause311("MQTT-3.1.2-4")]
    [Clause311("MQTT-3.1.2-5")]
    [Clause311("MQTT-4.1.0-1")]
    public void A_session_keeps_subscriptions_and_queues_QoS_1_and_2_while_its_client_is_away(ProtocolVersion version)
    {
        TestClient client = Persistent("client", version);
        client.Subscribe("t");
        client.Disconnect();
        Publish("t", "0", QoS.AtMostOnce);
        Publish("t", "1", QoS.AtLeastOnce);
        Publish("t", "2", QoS.ExactlyOnce);
        client = Persistent("client", version);
        Assert.Equal(["1", "2"], client.ReceiveAll().Select(seen => seen.Payload));
        Publish("t", "live", QoS.AtMostOnce);
        Assert.Equal("live", client.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-6")]
    [Clause311("MQTT-3.1.2-4")]
    public void Without_clean_start_a_new_client_gets_a_new_session(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        Seen answer = client.Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal((ReasonCode.Success, false), (answer.Reason, answer.SessionPresent));
        Assert.Equal(1, _broker.Core.SessionCount);
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.1.2-23")]
    [Clause311("MQTT-4.1.0-1")]
    public void A_session_keeps_what_is_in_flight_both_ways(ProtocolVersion version)
    {
        TestClient client = Persistent("client", version);
        client.Subscribe("t");
        Publish("t", "1", QoS.AtLeastOnce);
        Publish("t", "2", QoS.ExactlyOnce);
        Seen first = client.Next(PacketType.Publish);
        Seen second = client.Next(PacketType.Publish);
        client.Publish("up", "once", QoS.ExactlyOnce, packetId: 77);
        client.Next(PacketType.PubRec);
        client.Cut();
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("up");
        client = Persistent("client", version);
        Seen[] again = [client.Next(PacketType.Publish), client.Next(PacketType.Publish)];
        Assert.Equal([(first.PacketId, "1", true), (second.PacketId, "2", true)], again.Select(seen => (seen.PacketId, seen.Payload, seen.Duplicate)));
        client.Publish("up", "once", QoS.ExactlyOnce, packetId: 77, duplicate: true);
        client.Next(PacketType.PubRec);
        watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause311("MQTT-3.1.2-7")]
    public void Retained_messages_outlive_the_session_of_their_publisher(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.Publish("t", "kept", retain: true);
        client.Disconnect();
        Assert.Equal(0, _broker.Core.SessionCount);
        Assert.Equal(1, _broker.Core.RetainedCount);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0u)]
    public void A_session_with_expiry_0_or_none_ends_with_its_connection(uint? expiry)
    {
        TestClient client = _broker.Open();
        client.Connect("client", clean: false, expiry: expiry);
        client.Subscribe("t");
        client.Cut();
        Assert.Equal((0, 0), (_broker.Core.SessionCount, _broker.Core.SubscriptionCount));
        Assert.False(_broker.Open().Connect("client", clean: false).SessionPresent);
    }

    [Fact]
    [Clause("MQTT-4.1.0-2")]
    [Clause("MQTT-3.1.2-23")]
    public void A_session_lasts_as_longestas_its_expiry_and_not_longer()
    {
        Persistent("client", ProtocolVersion.Mqtt50, expiry: 100).Cut();
        _broker.Advance(99.9);
        TestClient client = _broker.Open();
        Assert.True(client.Connect("client", clean: false, expiry: 100).SessionPresent);
        client.Subscribe("t");
        client.Cut();
        _broker.Advance(100.2);
        Assert.Equal((0, 0), (_broker.Core.SessionCount, _broker.Core.SubscriptionCount));
        Assert.False(_broker.Open().Connect("client", clean: false).SessionPresent);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.1.0-1")]
    [Clause311("MQTT-4.1.0-2")]
    public void No_session_ends_while_its_client_is_connected(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, SessionExpirySecondsMax = 10 });
        TestClient clean = broker.Open();
        clean.Connect("clean", version, clean: true);
        TestClient kept = broker.Open();
        kept.Connect("kept", version, clean: false, expiry: version == ProtocolVersion.Mqtt50 ? 1 : null);
        clean.Subscribe("t", QoS.AtMostOnce);
        kept.Subscribe("t", QoS.AtMostOnce);
        broker.Advance(100_000);
        clean.Publish("t", "x");
        Assert.Equal("x", clean.Next(PacketType.Publish).Payload);
        Assert.Equal("x", kept.Next(PacketType.Publish).Payload);
    }

    [Fact]
    public void A_session_that_never_expires_is_kept_for_ever()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, SessionExpirySecondsMax = uint.MaxValue });
        TestClient client = broker.Open();
        Assert.Null(client.Connect("client", expiry: uint.MaxValue).SessionExpirySeconds);
        client.Cut();
        TestClient longest = broker.Open();
        longest.Connect("long", expiry: uint.MaxValue - 1);
        longest.Cut();
        for (int i = 0; i < 5; i++)
            broker.Advance(uint.MaxValue / 4.0);
        Assert.True(broker.Open().Connect("client", clean: false, expiry: uint.MaxValue).SessionPresent);
        Assert.False(broker.Open().Connect("long", clean: false, expiry: uint.MaxValue).SessionPresent);
    }

    [Fact]
    public void The_broker_s_longest_expiry_is_announced_and_is_what_counts()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, SessionExpirySecondsMax = 50 });
        TestClient client = broker.Open();
        Assert.Equal(50u, client.Connect("client", expiry: uint.MaxValue).SessionExpirySeconds);
        client.Cut();
        TestClient old = broker.Open();
        old.Connect("old", ProtocolVersion.Mqtt311, clean: false);
        old.Cut();
        broker.Advance(49);
        Assert.Equal(2, broker.Core.SessionCount);
        broker.Advance(1.2);
        Assert.Equal(0, broker.Core.SessionCount);
    }

    [Fact]
    public void The_expiry_counts_from_the_end_of_the_last_connection()
    {
        Persistent("client", ProtocolVersion.Mqtt50, expiry: 100).Cut();
        _broker.Advance(80);
        TestClient client = Persistent("client", ProtocolVersion.Mqtt50, expiry: 30);
        _broker.Advance(80);
        client.Cut();
        _broker.Advance(29);
        Assert.Equal(1, _broker.Core.SessionCount);
        _broker.Advance(1.2);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    [Fact]
    public void DISCONNECT_may_shorten_and_lengthen_the_expiry()
    {
        Persistent("longer", ProtocolVersion.Mqtt50, expiry: 10).Disconnect(expiry: 100);
        Persistent("shorter", ProtocolVersion.Mqtt50, expiry: 100).Disconnect(expiry: 10);
        Persistent("ended", ProtocolVersion.Mqtt50, expiry: 100).Disconnect(expiry: 0);
        Persistent("kept", ProtocolVersion.Mqtt50, expiry: 50).Disconnect();
        Assert.Equal(["kept", "longer", "shorter"], Names());
        _broker.Advance(11);
        Assert.Equal(["kept", "longer"], Names());
        _broker.Advance(40);
        Assert.Equal(["longer"], Names());
        _broker.Advance(50);
        Assert.Empty(Names());
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0u)]
    public void DISCONNECT_cannot_make_a_session_last_that_was_to_end(uint? expiry)
    {
        TestClient client = _broker.Open();
        client.Connect("client", expiry: expiry);
        client.Send(new DisconnectPacket { SessionExpirySeconds = 10 });
        client.AssertClosed(ReasonCode.ProtocolError);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    [Fact]
    public void A_session_taken_over_is_resumed_without_clean_start()
    {
        TestClient first = Persistent("client", ProtocolVersion.Mqtt50);
        first.Subscribe("t");
        Publish("t", "unacknowledged", QoS.AtLeastOnce);
        TestClient second = _broker.Open();
        Assert.True(second.Connect("client", clean: false, expiry: 1000).SessionPresent);
        Assert.Equal("unacknowledged", second.Next(PacketType.Publish).Payload);
        first.TakeFirst(seen => seen.Type == PacketType.Disconnect && seen.Reason == ReasonCode.SessionTakenOver);
    }

    [Fact]
    public void A_session_that_ends_with_its_connection_is_not_there_for_who_takes_over()
    {
        TestClient first = _broker.Open();
        first.Connect("client");
        first.Subscribe("t");
        TestClient second = _broker.Open();
        Assert.False(second.Connect("client", clean: false).SessionPresent);
        first.AssertClosed(ReasonCode.SessionTakenOver);
        Publish("t", "x", QoS.AtLeastOnce);
        second.AssertNothing();
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50)]
    [InlineData(ProtocolVersion.Mqtt50, ProtocolVersion.Mqtt311)]
    public void A_session_may_be_resumed_in_another_version(ProtocolVersion before, ProtocolVersion after)
    {
        TestClient client = Persistent("client", before);
        client.Subscribe("t");
        Publish("t", "in flight", QoS.AtLeastOnce);
        client.Next(PacketType.Publish);
        client.Cut();
        Publish("t", "queued", QoS.ExactlyOnce);
        client = _broker.Open();
        Assert.True(client.Connect("client", after, clean: false, expiry: Expiry(after)).SessionPresent);
        Assert.Equal(["in flight", "queued"], client.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void Who_would_need_one_session_too_many_is_refused()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, SessionsMax = 1 });
        broker.Open().Connect("one");
        TestClient second = broker.Open();
        Assert.Equal(ReasonCode.QuotaExceeded, second.Connect("two").Reason);
        Assert.True(second.IsClosed);
        Assert.Equal(ReasonCode.Success, broker.Open().Connect("one").Reason);
    }

    private static uint? Expiry(ProtocolVersion version) => version == ProtocolVersion.Mqtt50 ? 1000 : null;

    private IEnumerable<string> Names() => _broker.Core.DescribeClients().Select(client => client.ClientId).Order(StringComparer.Ordinal);

    private TestClient Persistent(string name, ProtocolVersion version, uint expiry = 1000)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, clean: false, expiry: version == ProtocolVersion.Mqtt50 ? expiry : null);
        return client;
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
