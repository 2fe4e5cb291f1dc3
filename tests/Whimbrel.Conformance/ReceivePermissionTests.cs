using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>The permission to receive: asked for each message, answered at once or later, without disturbing the order.</summary>
public class ReceivePermissionTests
{
    private readonly AskedAuthorizer _authorizer = new((_, _) => Verdict.Allowed);
    private readonly TestBroker _broker;
    private readonly TestClient _publisher;

    public ReceivePermissionTests()
    {
        _broker = new TestBroker(authorizer: _authorizer);
        _publisher = _broker.Open();
        _publisher.Connect("publisher");
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void What_a_client_may_not_receive_is_dropped_with_a_name(ProtocolVersion version)
    {
        TestClient client = Subscriber(version);
        _authorizer.Decide = (action, topic) => action == AccessAction.Receive && topic == "no" ? Verdict.Denied : Verdict.Allowed;
        _publisher.Publish("no", "1", QoS.AtLeastOnce);
        _publisher.Publish("yes", "2", QoS.AtLeastOnce);
        Assert.Equal(["2"], client.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal([DropReason.ReceiveNotAuthorized], _broker.Drops);
    }

    [Fact]
    public void Retained_messages_need_the_permission_too()
    {
        _publisher.Publish("no", "1", retain: true);
        _publisher.Publish("yes", "2", retain: true);
        _authorizer.Decide = (action, topic) => action == AccessAction.Receive && topic == "no" ? Verdict.Denied : Verdict.Allowed;
        Assert.Equal(["2"], Subscriber(ProtocolVersion.Mqtt50).ReceiveAll().Select(seen => seen.Payload));
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    [Clause("MQTT-4.6.0-5")]
    [Clause311("MQTT-4.6.0-6")]
    public void A_message_that_waits_for_its_permission_is_not_overtaken(QoS qos)
    {
        TestClient client = Subscriber(ProtocolVersion.Mqtt50);
        _authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        Publish("t", "1", qos, 1);
        Publish("t", "2", qos, 2);
        _authorizer.Decide = (_, _) => Verdict.Allowed;
        Publish("t", "3", qos, 3);
        _authorizer.Open.Reverse();
        _authorizer.Answer(_broker, Verdict.Allowed);
        client.AssertNothing();
        _authorizer.Answer(_broker, Verdict.Allowed);
        Publish("t", "4", qos, 4);
        Assert.Equal(["1", "2", "3", "4"], client.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    [Clause("MQTT-4.6.0-5")]
    public void Nor_behind_a_window_that_is_full()
    {
        TestClient client = _broker.Open();
        client.Connect("client", receiveMaximum: 1);
        client.Subscribe("#");
        Publish("u", "in flight", QoS.AtLeastOnce, 1);
        Publish("u", "queued", QoS.AtLeastOnce, 2);
        _authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        Publish("t", "1", QoS.AtMostOnce, 0);
        _authorizer.Decide = (_, _) => Verdict.Allowed;
        Publish("t", "2", QoS.AtMostOnce, 0);
        _authorizer.Answer(_broker, Verdict.Allowed);
        Assert.Equal(["1", "2"], client.ReceiveAll().Where(seen => seen.Topic == "t").Select(seen => seen.Payload));
    }

    [Fact]
    public void A_permission_that_is_denied_later_drops_the_message_and_lets_the_next_one_through()
    {
        TestClient client = Subscriber(ProtocolVersion.Mqtt50);
        _authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        Publish("t", "1", QoS.AtLeastOnce, 1);
        Publish("t", "2", QoS.AtLeastOnce, 2);
        _authorizer.Answer(_broker, Verdict.Denied);
        _authorizer.Answer(_broker, Verdict.Allowed);
        Assert.Equal(["2"], client.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal([DropReason.ReceiveNotAuthorized], _broker.Drops);
    }

    [Fact]
    public void The_client_s_own_packets_do_not_wait_for_what_it_is_to_receive()
    {
        TestClient client = Subscriber(ProtocolVersion.Mqtt50);
        _authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        Publish("t", "1", QoS.AtLeastOnce, 1);
        client.SendBytes(0xC0, 0x00);
        client.Next(PacketType.PingResp);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_message_whose_receiver_left_while_it_waited_is_there_when_the_session_is_resumed(bool answeredBefore)
    {
        TestClient client = Subscriber(ProtocolVersion.Mqtt50);
        _authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        Publish("t", "1", QoS.AtLeastOnce, 1);
        client.Cut();
        if (answeredBefore)
            _authorizer.Answer(_broker, Verdict.Allowed);
        client = _broker.Open();
        client.Connect("client", clean: false, expiry: 100);
        if (!answeredBefore)
        {
            client.AssertNothing();
            _authorizer.Answer(_broker, Verdict.Allowed);
        }

        Assert.Equal("1", client.Next(PacketType.Publish).Payload);
    }

    [Fact]
    public void A_retained_message_that_waits_does_not_hold_up_the_SUBACK()
    {
        _publisher.Publish("a", "1", retain: true);
        _publisher.Publish("b", "2", retain: true);
        _authorizer.Decide = (action, topic) => action == AccessAction.Receive && topic == "a" ? Verdict.Pending : Verdict.Allowed;
        TestClient client = Subscriber(ProtocolVersion.Mqtt50);
        _authorizer.Answer(_broker, Verdict.Allowed);
        List<Seen> got = client.ReceiveAll();
        Assert.Equal(["1", "2"], got.Select(seen => seen.Payload).Order(StringComparer.Ordinal));
        Assert.All(got, seen => Assert.True(seen.Retain));
    }

    [Fact]
    public void An_answer_given_on_the_spot_while_a_session_is_resumed_is_not_lost()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, LinkHighWaterBytes = 1024 }, new SpotAuthorizer());
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("r", "retained", retain: true);
        TestClient client = broker.Open();
        client.Connect("client", expiry: 100);
        client.Subscribe("fill", QoS.AtMostOnce);
        client.Link.PeerReads = false;
        publisher.Publish("fill", new string('x', 2000));
        client.Send(new SubscribePacket { PacketId = 1, EncodedFilters = (byte[])[.. RawConnect.Text("r"), 0] });
        client.Cut();
        client = broker.Open();
        client.Connect("client", clean: false, expiry: 100);
        Assert.Equal("retained", client.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void Retained_messages_that_wait_for_permissions_do_not_push_each_other_out(ushort receiveMaximum)
    {
        var authorizer = new AskedAuthorizer((_, _) => Verdict.Allowed);
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, OutboxMessagesMax = 5 }, authorizer);
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        for (int i = 0; i < 30; i++)
            publisher.Publish($"r/{i}", "x", QoS.AtLeastOnce, retain: true);
        authorizer.Decide = (action, _) => action == AccessAction.Receive ? Verdict.Pending : Verdict.Allowed;
        TestClient client = broker.Open();
        client.Connect("client", receiveMaximum: receiveMaximum);
        client.Subscribe("r/#");
        var got = new List<Seen>();
        while (authorizer.Open.Count > 0)
        {
            authorizer.Answer(broker, Verdict.Allowed);
            got.AddRange(client.ReceiveAll());
        }

        Assert.Equal(30, got.Select(seen => seen.Topic).Distinct().Count());
        Assert.Empty(broker.Drops);
    }

    private TestClient Subscriber(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, expiry: version == ProtocolVersion.Mqtt50 ? 100 : null);
        client.Subscribe("#");
        return client;
    }

    private void Publish(string topic, string payload, QoS qos, ushort packetId)
    {
        _publisher.Publish(topic, payload, qos, packetId: packetId);
        if (qos == QoS.ExactlyOnce)
            _publisher.Ack(PacketType.PubRel, packetId);
    }

    /// <summary>Asked about receiving it defers, and answers before it returns.</summary>
    private sealed class SpotAuthorizer : IAuthorizer
    {
        public Verdict Authorize(ref AccessRequest request)
        {
            if (request.Action != AccessAction.Receive || request.Topic.SequenceEqual("fill"u8))
                return Verdict.Allowed;
            request.Defer().Answer(Verdict.Allowed);
            return Verdict.Pending;
        }
    }
}
