using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Will messages (3.1.2.5 to 3.1.2.7, 3.1.3.2 to 3.1.3.4): when one is published, when not, and how.</summary>
public class WillTests
{
    private readonly TestBroker _broker = new();
    private readonly TestClient _watcher;

    public WillTests()
    {
        _watcher = _broker.Open();
        _watcher.Connect("watcher");
        _watcher.Subscribe("#");
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-7")]
    [Clause("MQTT-3.1.2-8")]
    [Clause311("MQTT-3.1.2-8")]
    public void A_lost_connection_publishes_the_will(ProtocolVersion version)
    {
        TestClient client = Connect("client", new TestWill("w", "gone"), version);
        _watcher.AssertNothing();
        client.Cut();
        Seen will = _watcher.Next(PacketType.Publish);
        Assert.Equal(("w", "gone", QoS.AtMostOnce, false), (will.Topic, will.Payload, will.QoS, will.Retain));
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.14.4-3")]
    [Clause("MQTT-3.1.2-10")]
    [Clause311("MQTT-3.14.4-3")]
    [Clause311("MQTT-3.1.2-10")]
    public void DISCONNECT_discards_the_will(ProtocolVersion version)
    {
        Connect("client", new TestWill("w"), version).Disconnect();
        _broker.Advance(100_000);
        _watcher.AssertNothing();
    }

    [Theory]
    [InlineData(ReasonCode.DisconnectWithWillMessage)]
    [InlineData(ReasonCode.UnspecifiedError)]
    [InlineData(ReasonCode.ImplementationSpecificError)]
    [Clause("MQTT-3.1.2-8")]
    public void DISCONNECT_with_any_other_reason_publishes_the_will(ReasonCode reason)
    {
        Connect("client", new TestWill("w")).Disconnect(reason);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-8")]
    [Clause311("MQTT-3.1.2-8")]
    public void A_connection_that_the_broker_closes_for_an_error_publishes_the_will(ProtocolVersion version)
    {
        TestClient client = Connect("client", new TestWill("w"), version);
        client.SendBytes(0x00, 0x00);
        Assert.True(client.IsClosed);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-8")]
    [Clause311("MQTT-3.1.2-8")]
    public void A_malformed_DISCONNECT_publishes_the_will(ProtocolVersion version)
    {
        TestClient client = Connect("client", new TestWill("w"), version);
        client.SendBytes(0xE1, 0x00);
        client.AssertClosed(ReasonCode.MalformedPacket);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause311("MQTT-3.1.2-12")]
    public void Without_a_will_nothing_is_published(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.Cut();
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-10")]
    [Clause311("MQTT-3.1.2-10")]
    public void A_will_is_published_once_and_not_kept_for_the_next_connection(ProtocolVersion version)
    {
        uint? expiry = version == ProtocolVersion.Mqtt50 ? 1000 : null;
        TestClient client = _broker.Open();
        client.Connect("client", version, clean: false, expiry: expiry, will: new TestWill("w"));
        client.Cut();
        _watcher.Next(PacketType.Publish);
        client = _broker.Open();
        client.Connect("client", version, clean: false, expiry: expiry);
        client.Cut();
        _broker.Advance(2000);
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_will_that_DISCONNECT_discarded_is_not_published_by_the_next_connection(ProtocolVersion version)
    {
        uint? expiry = version == ProtocolVersion.Mqtt50 ? 1000 : null;
        TestClient client = _broker.Open();
        client.Connect("client", version, clean: false, expiry: expiry, will: new TestWill("w"));
        client.Disconnect();
        client = _broker.Open();
        client.Connect("client", version, clean: false, expiry: expiry);
        client.Cut();
        _watcher.AssertNothing();
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31, QoS.AtLeastOnce)]
    [InlineData(ProtocolVersion.Mqtt311, QoS.AtMostOnce)]
    [InlineData(ProtocolVersion.Mqtt311, QoS.AtLeastOnce)]
    [InlineData(ProtocolVersion.Mqtt311, QoS.ExactlyOnce)]
    [InlineData(ProtocolVersion.Mqtt50, QoS.AtLeastOnce)]
    [InlineData(ProtocolVersion.Mqtt50, QoS.ExactlyOnce)]
    [Clause("MQTT-3.1.2-12")]
    [Clause311("MQTT-3.1.2-9")]
    [Clause311("MQTT-3.1.2-14")]
    public void A_will_has_the_QoS_that_CONNECT_gave_it(ProtocolVersion version, QoS qos)
    {
        Connect("client", new TestWill("w", QoS: qos), version).Cut();
        Assert.Equal(qos, Assert.Single(_watcher.ReceiveAll()).QoS);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-14")]
    [Clause311("MQTT-3.1.2-16")]
    public void A_will_without_retain_is_not_retained(ProtocolVersion version)
    {
        Connect("client", new TestWill("w"), version).Cut();
        Assert.Equal(0, _broker.Core.RetainedCount);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-15")]
    [Clause311("MQTT-3.1.2-17")]
    [Clause311("MQTT-3.1.2-9")]
    public void A_will_with_retain_is_retained(ProtocolVersion version)
    {
        Connect("client", new TestWill("w", "state", Retain: true), version).Cut();
        TestClient late = _broker.Open();
        late.Connect("late");
        late.Subscribe("w");
        Seen retained = late.Next(PacketType.Publish);
        Assert.Equal(("state", true), (retained.Payload, retained.Retain));
    }

    [Fact]
    [Clause("MQTT-3.1.2-8")]
    public void A_delayed_will_is_published_when_the_delay_has_passed()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Cut();
        _broker.Advance(9.9);
        _watcher.AssertNothing();
        _broker.Advance(0.3);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _broker.Advance(200);
        _watcher.AssertNothing();
    }

    [Theory]
    [InlineData(null)]
    [InlineData(5u)]
    [Clause("MQTT-3.1.2-8")]
    public void A_delayed_will_is_published_when_the_session_ends_before(uint? expiry)
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: expiry).Cut();
        if (expiry is not null)
        {
            _watcher.AssertNothing();
            _broker.Advance(expiry.Value + 0.2);
        }

        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _broker.Advance(100);
        _watcher.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-3.1.2-8")]
    public void A_delayed_will_is_published_when_a_clean_start_ends_the_session()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Cut();
        _watcher.AssertNothing();
        TestClient again = _broker.Open();
        again.Connect("client", clean: true);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        again.Disconnect();
        _broker.Advance(100);
        _watcher.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-3.1.3-9")]
    [Clause("MQTT-3.1.2-8")]
    public void A_delayed_will_is_not_published_when_the_client_comes_back_in_time()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Cut();
        _broker.Advance(9);
        TestClient again = _broker.Open();
        Assert.True(again.Connect("client", clean: false, expiry: 100).SessionPresent);
        _broker.Advance(50);
        again.Cut();
        _broker.Advance(200);
        _watcher.AssertNothing();
    }

    [Fact]
    public void A_connection_that_is_refused_does_not_stop_a_delayed_will()
    {
        bool refuse = false;
        var broker = new TestBroker(authenticator: new AskedAuthenticator(_ => refuse ? AuthenticationStep.Refuse(ReasonCode.NotAuthorized) : AuthenticationStep.Success()));
        TestClient watcher = broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#");
        TestClient client = broker.Open();
        client.Connect("client", clean: false, expiry: 100, will: new TestWill("w", DelaySeconds: 10));
        client.Cut();
        refuse = true;
        broker.Open().Connect("client", clean: false, expiry: 100, will: new TestWill("other"));
        broker.Advance(10.2);
        Assert.Equal("w", watcher.Next(PacketType.Publish).Topic);
        watcher.AssertNothing();
    }

    [Fact]
    public void A_new_delay_starts_with_each_lost_connection()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Cut();
        _broker.Advance(9);
        TestClient again = _broker.Open();
        again.Connect("client", clean: false, expiry: 100, will: new TestWill("w2", DelaySeconds: 10));
        again.Cut();
        _broker.Advance(9);
        _watcher.AssertNothing();
        _broker.Advance(1.2);
        Assert.Equal("w2", _watcher.Next(PacketType.Publish).Topic);
        _watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-3")]
    [Clause("MQTT-3.1.2-8")]
    [Clause311("MQTT-3.1.2-8")]
    public void A_takeover_publishes_the_will_of_the_connection_that_it_ends(ProtocolVersion version)
    {
        Connect("client", new TestWill("w"), version);
        TestClient second = _broker.Open();
        second.Connect("client", version, will: new TestWill("w2"));
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _watcher.AssertNothing();
        second.Cut();
        Assert.Equal("w2", _watcher.Next(PacketType.Publish).Topic);
    }

    [Theory]
    [InlineData(false, 100u, false)]
    [InlineData(true, 100u, true)]
    [InlineData(false, null, true)]
    [Clause("MQTT-3.1.3-9")]
    public void A_takeover_publishes_a_delayed_will_only_if_the_session_ends(bool clean, uint? expiry, bool published)
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: expiry);
        _broker.Open().Connect("client", clean: clean, expiry: 100);
        Assert.Equal(published ? 1 : 0, _watcher.ReceiveAll().Count);
        _broker.Advance(50);
        _watcher.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-3.1.3-10")]
    public void A_will_carries_its_properties_and_its_user_properties_in_order()
    {
        byte[] properties =
        [
            0x01, 0x01,
            0x03, .. RawConnect.Text("text/plain"),
            0x08, .. RawConnect.Text("answer/here"),
            0x09, .. RawConnect.Text("correlation"),
            .. RawConnect.UserProperty("b", "1"), .. RawConnect.UserProperty("a", "2"), .. RawConnect.UserProperty("b", "1"), .. RawConnect.UserProperty("", ""),
        ];
        Connect("client", new TestWill("w", Properties: properties)).Cut();
        Assert.Equal(properties, _watcher.Next(PacketType.Publish).Properties);
    }

    [Fact]
    public void The_expiry_of_a_will_counts_from_its_publication()
    {
        Connect("client", new TestWill("w", QoS: QoS.AtLeastOnce, DelaySeconds: 50, ExpirySeconds: 20), expiry: 100).Cut();
        TestClient absent = _broker.Open();
        absent.Connect("absent", expiry: 1000);
        absent.Subscribe("w");
        absent.Cut();
        _broker.Advance(50.1);
        Assert.Equal(20u, _watcher.Next(PacketType.Publish).MessageExpirySeconds);
        _broker.Advance(15);
        TestClient back = _broker.Open();
        back.Connect("absent", clean: false, expiry: 1000);
        Assert.InRange(back.Next(PacketType.Publish).MessageExpirySeconds!.Value, 4u, 6u);
    }

    [Fact]
    public void A_will_expires_like_any_message()
    {
        TestClient absent = _broker.Open();
        absent.Connect("absent", expiry: 1000);
        absent.Subscribe("w");
        absent.Cut();
        Connect("client", new TestWill("w", QoS: QoS.AtLeastOnce, ExpirySeconds: 20)).Cut();
        _broker.Advance(21);
        absent = _broker.Open();
        absent.Connect("absent", clean: false, expiry: 1000);
        absent.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_will_may_be_empty(ProtocolVersion version)
    {
        Connect("client", new TestWill("w", ""), version).Cut();
        Assert.Equal("", _watcher.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_will_topic_with_a_wildcard_is_refused(ProtocolVersion version)
    {
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        TestClient client = new RawConnect(version)
        {
            Flags = 0x06,
            Fields = [RawConnect.Text("client"), properties, RawConnect.Text("a/+"), RawConnect.Text("x")],
        }.SendOn(_broker.Open());
        if (version == ProtocolVersion.Mqtt50)
            Assert.Equal(ReasonCode.TopicNameInvalid, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
    }

    [Fact]
    [Clause("MQTT-3.14.4-3")]
    public void A_client_that_ends_its_session_at_DISCONNECT_leaves_no_will()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Disconnect(expiry: 0);
        _broker.Advance(100);
        _watcher.AssertNothing();
    }

    [Fact]
    public void DISCONNECT_with_will_and_session_expiry_0_publishes_a_delayed_will_at_once()
    {
        Connect("client", new TestWill("w", DelaySeconds: 10), expiry: 100).Disconnect(ReasonCode.DisconnectWithWillMessage, expiry: 0);
        Assert.Equal("w", _watcher.Next(PacketType.Publish).Topic);
        _broker.Advance(100);
        _watcher.AssertNothing();
    }

    [Fact]
    public void At_shutdown_wills_reach_who_is_still_connected()
    {
        Connect("a-client", new TestWill("w", QoS: QoS.AtLeastOnce));
        TestClient absent = _broker.Open();
        absent.Connect("absent", expiry: 1000);
        absent.Subscribe("w");
        _broker.Do(_broker.Core.Shutdown);
        absent.TakeFirst(seen => seen.Type == PacketType.Disconnect && seen.Reason == ReasonCode.ServerShuttingDown);
        Assert.True(_broker.Core.IsIdle);
        int waiting = _broker.Core.DescribeClients().Single().Queued;
        Assert.Equal(1, waiting + absent.Rest().Count(seen => seen.Type == PacketType.Publish));
    }

    private TestClient Connect(string name, TestWill will, ProtocolVersion version = ProtocolVersion.Mqtt50, uint? expiry = null)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, expiry: expiry, will: will);
        return client;
    }
}
