using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Chapter 3.14: DISCONNECT from either side.</summary>
public class DisconnectTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.14.4-1")]
    [Clause("MQTT-3.14.4-2")]
    [Clause311("MQTT-3.14.4-1")]
    [Clause311("MQTT-3.14.4-2")]
    public void After_a_client_s_DISCONNECT_nothing_of_it_is_processed_and_the_connection_is_closed(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        byte[] publish = [0x31, (byte)(4 + properties.Length), 0x00, 0x01, (byte)'t', .. properties, (byte)'x'];
        client.SendBytes([0xE0, 0x00, .. publish, 0xC0, 0x00]);
        client.AssertNothing();
        Assert.True(client.IsClosed);
        Assert.Equal(0, _broker.Core.RetainedCount);
        Assert.Equal(CloseReason.ClientDisconnected, Assert.Single(_broker.Events, e => e.Kind == BrokerEventKind.Closed).CloseReason);
    }

    [Fact]
    [Clause("MQTT-3.14.4-1")]
    [Clause("MQTT-3.14.4-2")]
    public void After_the_broker_s_DISCONNECT_nothing_follows_and_the_connection_is_closed()
    {
        TestClient client = _broker.Open();
        client.Connect("client");
        client.Subscribe("t", QoS.AtMostOnce);
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        client.SendBytes([0x36, 0x00, 0xC0, 0x00]);
        publisher.Publish("t", "late");
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.14.1-1")]
    [Clause311("MQTT-3.14.1-1")]
    public void The_reserved_bits_of_DISCONNECT_must_be_0(ProtocolVersion version)
    {
        for (byte flags = 1; flags < 16; flags++)
        {
            TestClient client = _broker.Open();
            client.Connect("client", version);
            client.SendBytes((byte)(0xE0 | flags), 0x00);
            client.AssertClosed(ReasonCode.MalformedPacket);
        }
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    public void Before_5_0_DISCONNECT_has_no_body(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version, will: new TestWill("w"));
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("w");
        client.SendBytes(0xE0, 0x01, 0x00);
        client.AssertClosed(ReasonCode.MalformedPacket);
        Assert.Equal("w", watcher.Next(PacketType.Publish).Topic);
    }

    [Theory]
    [InlineData(0x01)]
    [InlineData(0x10)]
    [InlineData(0x86)]
    [InlineData(0xFF)]
    [Clause("MQTT-3.14.2-1")]
    public void A_reason_that_DISCONNECT_does_not_have_is_a_protocol_error(byte reason)
    {
        TestClient client = _broker.Open();
        client.Connect("client");
        client.SendBytes(0xE0, 0x01, reason);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    public void The_short_forms_of_DISCONNECT_are_understood()
    {
        byte[][] forms = [[0xE0, 0x00], [0xE0, 0x01, 0x00], [0xE0, 0x02, 0x00, 0x00], [0xE0, 0x02, 0x04, 0x00]];
        foreach (byte[] form in forms)
        {
            TestClient client = _broker.Open();
            client.Connect("client");
            client.SendBytes(form);
            Assert.True(client.IsClosed);
            client.AssertNothing();
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.14.2-2")]
    [Clause("MQTT-3.14.2-1")]
    public void The_broker_says_why_it_ends_a_connection_and_never_a_session_expiry(ProtocolVersion version)
    {
        (Action<TestClient> Cause, ReasonCode Reason)[] cases =
        [
            (client => client.SendBytes(0x36, 0x00), ReasonCode.MalformedPacket),
            (client => client.SendBytes(0xD0, 0x00), ReasonCode.ProtocolError),
            (_ => _broker.Do(turn => _broker.Core.Disconnect("client", turn)), ReasonCode.AdministrativeAction),
            (_ => _broker.Open().Connect("client", version, expiry: version == ProtocolVersion.Mqtt50 ? 100 : null), ReasonCode.SessionTakenOver),
            (_ => _broker.Advance(15.1), ReasonCode.KeepAliveTimeout),
            (_ => _broker.Do(_broker.Core.Shutdown), ReasonCode.ServerShuttingDown),
        ];
        foreach ((Action<TestClient> cause, ReasonCode reason) in cases)
        {
            TestClient client = _broker.Open();
            client.Connect("client", version, expiry: version == ProtocolVersion.Mqtt50 ? 100 : null, keepAlive: 10);
            cause(client);
            Assert.True(client.IsClosed);
            if (version == ProtocolVersion.Mqtt50)
            {
                Seen seen = client.Next(PacketType.Disconnect);
                Assert.Equal(reason, seen.Reason);
                Assert.NotEmpty(seen.ReasonString);
                Assert.Null(seen.SessionExpirySeconds);
            }

            client.AssertNothing();
        }
    }

    [Fact]
    [Clause("MQTT-3.14.2-3")]
    public void A_reason_string_that_the_client_could_not_take_is_left_out()
    {
        bool withText = false;
        bool without = false;
        for (uint size = 20; size < 100; size++)
        {
            TestClient client = _broker.Open();
            client.Connect("client", maximumPacketSize: size);
            client.SendBytes(0x36, 0x00);
            Seen seen = client.Next(PacketType.Disconnect);
            Assert.InRange((uint)seen.Length, 2u, size);
            Assert.Equal(ReasonCode.MalformedPacket, seen.Reason);
            withText |= seen.ReasonString.Length > 0;
            without |= seen.ReasonString.Length == 0;
        }

        Assert.True(withText && without, "one of the two forms was never seen");
    }

    [Fact]
    [Clause("MQTT-3.14.0-1")]
    public void Before_CONNACK_the_broker_sends_no_DISCONNECT()
    {
        AskedAuthorizer authorizer = AskedAuthorizer.Deferring(AccessAction.Connect);
        var broker = new TestBroker(authorizer: authorizer);
        TestClient silent = broker.Open();
        TestClient waiting = new RawConnect(ProtocolVersion.Mqtt50).SendOn(broker.Open());
        TestClient malformed = broker.Open().SendBytes(0x16, 0x00);
        broker.Do(broker.Core.Shutdown);
        foreach (TestClient client in new[] { silent, waiting, malformed })
        {
            Assert.True(client.IsClosed);
            Assert.Empty(client.Link.Arrived);
        }
    }

    [Fact]
    public void User_properties_and_a_reason_string_of_the_client_are_taken()
    {
        TestClient client = _broker.Open();
        client.Connect("client");
        client.Send(new DisconnectPacket { Reason = ReasonCode.DisconnectWithWillMessage, ReasonString = Encoding.UTF8.GetBytes("tired"), UserPropertyBlock = RawConnect.UserProperty("a", "b") });
        Assert.True(client.IsClosed);
        client.AssertNothing();
        Assert.Equal(ReasonCode.DisconnectWithWillMessage, Assert.Single(_broker.Events, e => e.Kind == BrokerEventKind.Closed).Code);
    }
}
