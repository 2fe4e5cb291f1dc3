using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Keep alive (3.1.2.10), server keep alive (3.2.2.3.14), PINGREQ and PINGRESP (3.12, 3.13).</summary>
public class KeepAliveTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-22")]
    [Clause("MQTT-3.1.2-20")]
    [Clause("MQTT-3.2.2-22")]
    [Clause311("MQTT-3.1.2-23")]
    [Clause311("MQTT-3.1.2-24")]
    public void Who_says_nothing_for_one_and_a_half_intervals_is_disconnected_and_its_will_published(ProtocolVersion version)
    {
        TestClient watcher = Watcher();
        TestClient client = _broker.Open();
        Assert.Null(client.Connect("client", version, keepAlive: 10, will: new TestWill("w")).ServerKeepAliveSeconds);
        _broker.Advance(14.9);
        Assert.False(client.IsClosed);
        _broker.Advance(0.3);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
        Assert.Equal("w", watcher.Next(PacketType.Publish).Topic);
        Assert.Equal(CloseReason.KeepAliveTimeout, Assert.Single(_broker.Events, e => e.Kind == BrokerEventKind.Closed).CloseReason);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.12.4-1")]
    [Clause311("MQTT-3.12.4-1")]
    public void PINGREQ_is_answered_and_keeps_the_connection(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, keepAlive: 10);
        for (int i = 0; i < 20; i++)
        {
            _broker.Advance(14.5);
            client.SendBytes(0xC0, 0x00);
            client.Next(PacketType.PingResp);
            client.AssertNothing();
        }

        _broker.Advance(15.2);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Every_packet_counts_as_a_sign_of_life(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, keepAlive: 10);
        Action[] signs =
        [
            () => client.Publish("t", "0"),
            () => client.Publish("t", "1", QoS.AtLeastOnce),
            () => client.Publish("t", "2", QoS.ExactlyOnce, packetId: 2),
            () => client.Ack(PacketType.PubRel, 2),
            () => client.Subscribe("s"),
            () => client.Unsubscribe(4, "s"),
        ];
        foreach (Action sign in signs)
        {
            _broker.Advance(14.5);
            sign();
            Assert.False(client.IsClosed);
        }
    }

    [Fact]
    public void What_the_broker_sends_is_no_sign_of_life_of_the_client()
    {
        TestClient client = _broker.Open();
        client.Connect("client", keepAlive: 10);
        client.Subscribe("t", QoS.AtMostOnce);
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        _broker.Advance(10);
        publisher.Publish("t", "x");
        _broker.Advance(5.2);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Keep_alive_0_turns_it_off(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, keepAlive: 0);
        _broker.Advance(1_000_000);
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void The_longest_keep_alive_is_kept_too()
    {
        TestClient client = _broker.Open();
        client.Connect("client", keepAlive: ushort.MaxValue);
        for (int i = 0; i < 98; i++)
            _broker.Advance(1000);
        Assert.False(client.IsClosed);
        _broker.Advance(302.6);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(65535)]
    [Clause("MQTT-3.1.2-21")]
    [Clause("MQTT-3.2.2-21")]
    public void A_server_keep_alive_is_announced_and_is_what_counts(ushort asked)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, KeepAliveSecondsMax = 30 });
        TestClient client = broker.Open();
        Assert.Equal((ushort)30, client.Connect("client", keepAlive: asked).ServerKeepAliveSeconds);
        broker.Advance(44.9);
        Assert.False(client.IsClosed);
        broker.Advance(0.3);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
    }

    [Fact]
    [Clause("MQTT-3.2.2-22")]
    public void A_keep_alive_below_the_broker_s_maximum_is_taken_as_it_is()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, KeepAliveSecondsMax = 30 });
        TestClient client = broker.Open();
        Assert.Null(client.Connect("client", keepAlive: 20).ServerKeepAliveSeconds);
        broker.Advance(29.9);
        Assert.False(client.IsClosed);
        broker.Advance(0.3);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
    }

    [Fact]
    public void A_3_1_1_client_cannot_be_told_and_keeps_the_interval_that_it_asked_for()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, KeepAliveSecondsMax = 30 });
        TestClient client = broker.Open();
        client.Connect("client", ProtocolVersion.Mqtt311, keepAlive: 100);
        broker.Advance(149);
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void A_packet_that_came_only_in_part_is_no_packet()
    {
        TestClient client = _broker.Open();
        client.Connect("client", keepAlive: 10);
        _broker.Advance(10);
        client.SendBytes(0x30, 0x20, 0x00);
        _broker.Advance(5.2);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
    }

    [Fact]
    public void While_the_broker_itself_makes_the_client_wait_the_client_is_not_late()
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Publish);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient client = broker.Open();
        client.Connect("client", keepAlive: 10);
        client.Publish("t", "x", QoS.AtLeastOnce);
        broker.Advance(10);
        client.SendBytes(0xC0, 0x00);
        broker.Advance(10);
        Assert.False(client.IsClosed);
        authorizer.Answer(broker, Verdict.Allowed);
        client.Next(PacketType.PubAck);
        client.Next(PacketType.PingResp);
        broker.Advance(15.2);
        client.AssertClosed(ReasonCode.KeepAliveTimeout);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void PINGREQ_with_a_body_is_malformed(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.SendBytes(0xC0, 0x01, 0x00);
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void PINGRESP_from_a_client_is_a_protocol_error(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.SendBytes(0xD0, 0x00);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    private TestClient Watcher()
    {
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#", QoS.AtMostOnce);
        return watcher;
    }
}
