using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>What clients may do (section 5.4.2 and the statements about it): denied at once, or decided later while packets wait.</summary>
public class AuthorizationTests
{
    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-2")]
    [Clause311("MQTT-3.2.2-5")]
    public void Who_may_not_connect_is_refused(ProtocolVersion version)
    {
        TestClient client = new TestBroker(authorizer: AskedAuthorizer.Denying(AccessAction.Connect)).Open();
        Seen answer = client.Connect("client", version);
        Assert.Equal((ReasonCode.NotAuthorized, ConnectReturnCode.NotAuthorized), (answer.Reason, answer.ReturnCode));
        Assert.True(client.IsClosed);
        client.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Who_may_not_publish_to_its_will_s_topic_is_refused(ProtocolVersion version)
    {
        var authorizer = new AskedAuthorizer((_, topic) => topic == "forbidden" ? Verdict.Denied : Verdict.Allowed);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        Assert.Equal(ReasonCode.NotAuthorized, client.Connect("client", version, will: new TestWill("forbidden")).Reason);
        Assert.True(client.IsClosed);
        Assert.Equal([(AccessAction.Connect, ""), (AccessAction.Publish, "forbidden")], authorizer.Asked);
        Assert.Equal(ReasonCode.Success, broker.Open().Connect("client", version, will: new TestWill("permitted")).Reason);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Nobody_leaves_a_will_on_the_broker_s_own_topics(ProtocolVersion version)
    {
        TestClient client = new TestBroker().Open();
        Assert.Equal(ReasonCode.NotAuthorized, client.Connect("client", version, will: new TestWill("$SYS/broker/uptime")).Reason);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Connecting_waits_for_both_permissions_in_turn(ProtocolVersion version)
    {
        var authorizer = new AskedAuthorizer((_, _) => Verdict.Pending);
        var broker = new TestBroker(authorizer: authorizer);
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        TestClient client = (new RawConnect(version) { Flags = 0x06, Fields = [RawConnect.Text("client"), properties, RawConnect.Text("w"), RawConnect.Text("x")] }).SendOn(broker.Open());
        client.SendBytes(0xC0, 0x00);
        Assert.Equal([(AccessAction.Connect, "")], authorizer.Asked);
        authorizer.Answer(broker, Verdict.Allowed);
        Assert.Equal([(AccessAction.Connect, ""), (AccessAction.Publish, "w")], authorizer.Asked);
        client.AssertNothing();
        authorizer.Answer(broker, Verdict.Allowed);
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.ConnAck).Reason);
        client.Next(PacketType.PingResp);
    }

    [Theory]
    [InlineData(AccessAction.Connect)]
    [InlineData(AccessAction.Publish)]
    public void A_permission_to_connect_may_be_denied_later(AccessAction denied)
    {
        var authorizer = new AskedAuthorizer((action, _) => action == denied ? Verdict.Pending : Verdict.Allowed);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Flags = 0x06, Fields = [RawConnect.Text("client"), [0], RawConnect.Text("w"), RawConnect.Text("x")] }).SendOn(broker.Open());
        authorizer.Answer(broker, Verdict.Denied);
        Assert.Equal(ReasonCode.NotAuthorized, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(0, broker.Core.SessionCount);
    }

    [Fact]
    public void A_connection_lost_while_a_permission_is_asked_for_leaves_neither_session_nor_will()
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Publish);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient watcher = broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#");
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Flags = 0x06, Fields = [RawConnect.Text("client"), [0], RawConnect.Text("w"), RawConnect.Text("x")] }).SendOn(broker.Open());
        client.Cut();
        authorizer.Answer(broker, Verdict.Allowed);
        Assert.Equal(1, broker.Core.SessionCount);
        watcher.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause311("MQTT-3.3.5-2")]
    public void A_publish_that_is_not_allowed_reaches_nobody(ProtocolVersion version)
    {
        var broker = new TestBroker(authorizer: AskedAuthorizer.Denying(AccessAction.Publish));
        TestClient client = broker.Open();
        client.Connect("client", version);
        client.Subscribe("t");
        client.Publish("t", "0", QoS.AtMostOnce, retain: true);
        client.AssertNothing();
        client.Publish("t", "1", QoS.AtLeastOnce, retain: true, packetId: 1);
        client.Publish("t", "2", QoS.ExactlyOnce, retain: true, packetId: 2);
        ReasonCode said = version == ProtocolVersion.Mqtt50 ? ReasonCode.NotAuthorized : ReasonCode.Success;
        Assert.Equal(said, client.Next(PacketType.PubAck).Reason);
        Assert.Equal(said, client.Next(PacketType.PubRec).Reason);
        if (version != ProtocolVersion.Mqtt50)
        {
            client.Ack(PacketType.PubRel, 2);
            client.Next(PacketType.PubComp);
        }

        client.AssertNothing();
        Assert.False(client.IsClosed);
        Assert.Equal(0, broker.Core.RetainedCount);
        Assert.Equal(Enumerable.Repeat(DropReason.PublishNotAuthorized, 3), broker.Drops);
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void Everything_behind_a_publish_that_waits_keeps_its_place(QoS qos)
    {
        var authorizer = new AskedAuthorizer((action, topic) => action == AccessAction.Publish && topic == "slow" ? Verdict.Pending : Verdict.Allowed);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client");
        client.Subscribe("#", QoS.AtMostOnce);
        client.Publish("slow", "1", qos, packetId: 1);
        client.Publish("fast", "2", qos, packetId: 2);
        client.SendBytes(0xC0, 0x00);
        client.Publish("slow", "3", qos, packetId: 3);
        client.Publish("fast", "4", qos, packetId: 4);
        client.AssertNothing();
        authorizer.Answer(broker, Verdict.Allowed);
        List<Seen> first = client.Rest();
        Assert.Equal(["1", "2"], first.Where(seen => seen.Type == PacketType.Publish).Select(seen => seen.Payload));
        Assert.Contains(first, seen => seen.Type == PacketType.PingResp);
        authorizer.Answer(broker, Verdict.Denied);
        Assert.Equal(["4"], client.Rest().Where(seen => seen.Type == PacketType.Publish).Select(seen => seen.Payload));
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void A_publish_whose_connection_is_lost_while_it_waits_is_not_routed_and_can_be_sent_again(QoS qos)
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Publish);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient watcher = broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#", QoS.AtMostOnce);
        TestClient client = broker.Open();
        client.Connect("client", expiry: 100);
        client.Publish("t", "x", qos);
        client.Cut();
        authorizer.Answer(broker, Verdict.Allowed);
        watcher.AssertNothing();
        Assert.Equal(qos == QoS.AtMostOnce ? [DropReason.LinkLost] : [], broker.Drops);
        authorizer.Decide = (_, _) => Verdict.Allowed;
        client = broker.Open();
        client.Connect("client", clean: false, expiry: 100);
        client.Publish("t", "x", qos, duplicate: qos != QoS.AtMostOnce);
        Assert.Equal("x", watcher.Next(PacketType.Publish).Payload);
    }

    [Fact]
    public void An_answer_for_a_lost_connection_is_not_taken_for_the_next_one_s()
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Publish);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client", expiry: 100);
        client.Publish("t", "old", QoS.AtLeastOnce);
        client.Cut();
        client = broker.Open();
        client.Connect("client", clean: false, expiry: 100);
        client.Subscribe("t", QoS.AtMostOnce);
        client.Publish("t", "new", QoS.AtLeastOnce);
        authorizer.Answer(broker, Verdict.Allowed);
        client.AssertNothing();
        authorizer.Answer(broker, Verdict.Allowed);
        Assert.Equal("new", client.Next(PacketType.Publish).Payload);
        client.Next(PacketType.PubAck);
    }

    [Fact]
    public void An_answer_given_on_the_spot_and_a_second_answer_do_no_harm()
    {
        var authorizer = new SpotAuthorizer();
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client");
        client.Publish("t", "x", QoS.AtLeastOnce);
        Assert.Equal(ReasonCode.NoMatchingSubscribers, client.Next(PacketType.PubAck).Reason);
        broker.Do(_ => authorizer.Last!.Answer(Verdict.Denied));
        client.AssertNothing();
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Filters_that_are_not_allowed_are_refused_one_by_one(ProtocolVersion version)
    {
        var authorizer = new AskedAuthorizer((action, topic) => action == AccessAction.Subscribe && topic.StartsWith("no", StringComparison.Ordinal) ? Verdict.Denied : Verdict.Allowed);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client", version);
        // 3.1 has no failure in SUBACK; 0x80 is what its clients are told since 3.1.1.
        byte refused = version == ProtocolVersion.Mqtt50 ? (byte)ReasonCode.NotAuthorized : (byte)0x80;
        Assert.Equal([1, refused, 2, refused], client.Subscribe(7, 0, ("a", 1), ("no/1", 1), ("b", 2), ("no/2", 0)).Codes);
        Assert.Equal(2, broker.Core.SubscriptionCount);
        Assert.Equal(2, broker.Events.Where(e => e.Kind == BrokerEventKind.SubscriptionRefused).Sum(e => e.Count));
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_SUBSCRIBE_waits_filter_by_filter_and_is_answered_once_in_order(ProtocolVersion version)
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Subscribe);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("a", "retained", retain: true);
        TestClient client = broker.Open();
        client.Connect("client", version);
        client.Send(new SubscribePacket { PacketId = 9, EncodedFilters = (byte[])[.. RawConnect.Text("a"), 0, .. RawConnect.Text("b"), 1, .. RawConnect.Text("c"), 2] });
        client.SendBytes(0xC0, 0x00);
        authorizer.Answer(broker, Verdict.Allowed);
        authorizer.Answer(broker, Verdict.Denied);
        authorizer.Answer(broker, Verdict.Allowed);
        // What is subscribed to may come before SUBACK (section 3.8.4).
        Seen answer = client.TakeFirst(seen => seen.Type == PacketType.SubAck);
        byte refused = version == ProtocolVersion.Mqtt50 ? (byte)ReasonCode.NotAuthorized : (byte)0x80;
        Assert.Equal((ushort)9, answer.PacketId);
        Assert.Equal([0, refused, 2], answer.Codes);
        Assert.Equal("retained", client.TakeFirst(seen => seen.Type == PacketType.Publish).Payload);
        client.Next(PacketType.PingResp);
        client.AssertNothing();
        Assert.Equal(2, broker.Core.SubscriptionCount);
    }

    [Fact]
    public void A_SUBSCRIBE_whose_connection_is_lost_while_it_waits_goes_no_further()
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Subscribe);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client", expiry: 100);
        client.Send(new SubscribePacket { PacketId = 9, EncodedFilters = (byte[])[.. RawConnect.Text("a"), 0, .. RawConnect.Text("b"), 1] });
        client.Cut();
        authorizer.Answer(broker, Verdict.Allowed);
        Assert.Empty(authorizer.Open);
        Assert.Equal(0, broker.Core.SubscriptionCount);
        client = broker.Open();
        Assert.True(client.Connect("client", clean: false, expiry: 100).SessionPresent);
        client.AssertNothing();
    }

    /// <summary>Defers and answers before it returns.</summary>
    private sealed class SpotAuthorizer : IAuthorizer
    {
        public Pending<Verdict>? Last { get; private set; }

        public Verdict Authorize(ref AccessRequest request)
        {
            Last = request.Defer();
            Last.Answer(Verdict.Allowed);
            return Verdict.Pending;
        }
    }
}
