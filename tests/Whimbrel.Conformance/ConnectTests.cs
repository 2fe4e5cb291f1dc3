using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Chapter 3.1: what the broker makes of a CONNECT. Client identifiers, wills, keep alive, sessions and authentication have files of their own.</summary>
public class ConnectTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.0-1")]
    [Clause311("MQTT-3.1.0-1")]
    public void Whoever_says_something_else_before_CONNECT_is_disconnected_without_an_answer(ProtocolVersion version)
    {
        byte[][] firsts = [[0xC0, 0x00], [0xE0, 0x00], [0x30, 0x03, 0x00, 0x01, (byte)'t'], [0x20, 0x02, 0x00, 0x00], [0xF0, 0x00]];
        foreach (byte[] first in firsts)
        {
            TestClient client = _broker.Open();
            client.Version = version;
            client.SendBytes(first);
            Assert.True(client.IsClosed);
            Assert.Empty(client.Link.Arrived);
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.0-2")]
    [Clause("MQTT-3.2.0-2")]
    [Clause311("MQTT-3.1.0-2")]
    public void A_second_CONNECT_is_a_protocol_error_and_is_not_acknowledged(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        new RawConnect(version).SendOn(client);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-1")]
    [Clause311("MQTT-3.1.2-1")]
    public void A_CONNECT_of_another_protocol_is_not_processed(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        (new RawConnect(version) { ProtocolName = "MQTX" }).SendOn(client);
        Assert.True(client.IsClosed);
        Assert.Equal([0x20, 0x02, 0x00, 0x01], client.Link.Arrived);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(99)]
    [Clause("MQTT-3.1.2-2")]
    [Clause311("MQTT-3.1.2-2")]
    public void An_unknown_protocol_level_is_answered_with_return_code_1_and_closed(byte level)
    {
        TestClient client = _broker.Open();
        (new RawConnect(ProtocolVersion.Mqtt311) { Level = level }).SendOn(client);
        Seen answer = client.Next(PacketType.ConnAck);
        Assert.Equal(ConnectReturnCode.UnacceptableProtocolVersion, answer.ReturnCode);
        Assert.True(client.IsClosed);
        Assert.Null(client.TryNext());
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.1.2-3")]
    [Clause("MQTT-3.1.4-1")]
    [Clause311("MQTT-3.1.2-3")]
    [Clause311("MQTT-3.1.4-1")]
    public void The_reserved_flag_must_be_0(ProtocolVersion version) => AssertMalformed(new RawConnect(version) { Flags = 0x03 });

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-12")]
    [Clause311("MQTT-3.1.2-14")]
    public void A_will_of_QoS_3_is_malformed(ProtocolVersion version) => AssertMalformed(WithWill(version, 0x1E));

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-11")]
    [Clause("MQTT-3.1.2-13")]
    [Clause311("MQTT-3.1.2-11")]
    [Clause311("MQTT-3.1.2-13")]
    [Clause311("MQTT-3.1.2-15")]
    public void Without_a_will_its_QoS_and_retain_flags_must_be_0(ProtocolVersion version)
    {
        AssertMalformed(new RawConnect(version) { Flags = 0x0A });
        AssertMalformed(new RawConnect(version) { Flags = 0x12 });
        AssertMalformed(new RawConnect(version) { Flags = 0x22 });
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.2-9")]
    [Clause311("MQTT-3.1.2-9")]
    public void With_the_will_flag_topic_and_payload_must_be_there(ProtocolVersion version)
    {
        AssertMalformed(new RawConnect(version) { Flags = 0x06 });
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        AssertMalformed(new RawConnect(version) { Flags = 0x06, Fields = [RawConnect.Text("client"), properties, RawConnect.Text("topic")] });
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.1.2-16")]
    [Clause("MQTT-3.1.2-17")]
    [Clause("MQTT-3.1.2-18")]
    [Clause("MQTT-3.1.2-19")]
    [Clause311("MQTT-3.1.2-18")]
    [Clause311("MQTT-3.1.2-19")]
    [Clause311("MQTT-3.1.2-20")]
    [Clause311("MQTT-3.1.2-21")]
    public void User_name_and_password_are_there_exactly_if_their_flags_say_so(ProtocolVersion version)
    {
        byte[] id = RawConnect.Text("client");
        byte[] word = RawConnect.Text("word");
        AssertMalformed(new RawConnect(version) { Flags = 0x02, Fields = [id, word] });
        AssertMalformed(new RawConnect(version) { Flags = 0x82, Fields = [id] });
        AssertMalformed(new RawConnect(version) { Flags = 0x82, Fields = [id, word, word] });
        AssertMalformed(new RawConnect(version) { Flags = 0xC2, Fields = [id, word] });
        TestClient client = (new RawConnect(version) { Flags = 0xC2, Fields = [id, word, word] }).SendOn(_broker.Open());
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.ConnAck).Reason);
    }

    [Fact]
    [Clause311("MQTT-3.1.2-22")]
    public void Before_5_0_a_password_needs_a_user_name()
    {
        byte[][] fields = [RawConnect.Text("client"), RawConnect.Text("password")];
        AssertMalformed(new RawConnect(ProtocolVersion.Mqtt311) { Flags = 0x42, Fields = fields });
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Flags = 0x42, Fields = fields }).SendOn(_broker.Open());
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.ConnAck).Reason);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.3-3")]
    [Clause311("MQTT-3.1.3-3")]
    public void A_client_identifier_must_be_there(ProtocolVersion version) => AssertMalformed(new RawConnect(version) { Fields = [] });

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.3-4")]
    [Clause("MQTT-3.1.3-11")]
    [Clause("MQTT-3.1.3-12")]
    [Clause311("MQTT-3.1.3-4")]
    [Clause311("MQTT-3.1.3-10")]
    [Clause311("MQTT-3.1.3-11")]
    [Clause311("MQTT-1.5.3-1")]
    [Clause311("MQTT-1.5.3-2")]
    public void Text_that_is_not_UTF_8_ends_the_connection(ProtocolVersion version)
    {
        byte[] id = RawConnect.Text("client");
        byte[][] wrong = [RawConnect.Binary(0xC3, 0x28), RawConnect.Binary(0xED, 0xA0, 0x80), RawConnect.Binary((byte)'a', 0x00)];
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        foreach (byte[] text in wrong)
        {
            AssertMalformed(new RawConnect(version) { Fields = [text] });
            AssertMalformed(new RawConnect(version) { Flags = 0x06, Fields = [id, properties, text, RawConnect.Text("payload")] });
            AssertMalformed(new RawConnect(version) { Flags = 0x82, Fields = [id, text] });
        }
    }

    [Theory]
    [ClassData(typeof(NumberedVersions))]
    [Clause("MQTT-3.1.3-1")]
    [Clause311("MQTT-3.1.3-1")]
    public void The_payload_is_read_in_the_specified_order(ProtocolVersion version)
    {
        var authenticator = new AskedAuthenticator(_ => AuthenticationStep.Success());
        var broker = new TestBroker(authenticator: authenticator);
        TestClient watcher = broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("#");
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        TestClient client = (new RawConnect(version)
        {
            Flags = 0xC6,
            Fields = [RawConnect.Text("id"), properties, RawConnect.Text("topic"), RawConnect.Text("payload"), RawConnect.Text("name"), RawConnect.Text("word")],
        }).SendOn(broker.Open());
        client.Cut();
        ConnectRequest request = authenticator.Asked[^1];
        Assert.Equal(("id", "name", "word"), (request.ClientId, request.UserName, Encoding.UTF8.GetString(request.Password!)));
        Seen will = watcher.Next(PacketType.Publish);
        Assert.Equal(("topic", "payload"), (will.Topic, will.Payload));
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-3")]
    [Clause311("MQTT-3.1.4-2")]
    public void A_second_connection_with_the_same_identifier_ends_the_first(ProtocolVersion version)
    {
        TestClient first = _broker.Open();
        first.Connect("client", version);
        TestClient second = _broker.Open();
        Assert.Equal(ReasonCode.Success, second.Connect("client", version).Reason);
        first.AssertClosed(ReasonCode.SessionTakenOver);
        second.Subscribe("t", QoS.AtMostOnce);
        second.Publish("t", "x");
        Assert.Equal("x", second.Next(PacketType.Publish).Payload);
        Assert.Equal(1, _broker.Core.SessionCount);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-5")]
    [Clause("MQTT-3.2.0-1")]
    [Clause311("MQTT-3.1.4-4")]
    [Clause311("MQTT-3.2.0-1")]
    public void CONNACK_0_is_the_first_packet_that_a_client_gets(ProtocolVersion version)
    {
        TestClient client = Persistent("client", version);
        client.Subscribe("t");
        client.Cut();
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("t", "queued", QoS.AtLeastOnce);
        TestClient again = _broker.Open();
        Seen first = again.Connect("client", version, clean: false, expiry: Expiry(version));
        Assert.Equal((PacketType.ConnAck, ReasonCode.Success), (first.Type, first.Reason));
        Assert.Equal("queued", again.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-6")]
    [Clause311("MQTT-3.1.4-5")]
    public void What_follows_a_rejected_CONNECT_is_not_processed(ProtocolVersion version)
    {
        var broker = new TestBroker(authorizer: new AskedAuthorizer((action, _) => action == AccessAction.Connect ? Verdict.Denied : Verdict.Allowed));
        byte[] publish = version == ProtocolVersion.Mqtt50
            ? [0x31, 0x06, 0x00, 0x01, (byte)'t', 0x00, (byte)'p', (byte)'q']
            : [0x31, 0x05, 0x00, 0x01, (byte)'t', (byte)'p', (byte)'q'];
        TestClient client = broker.Open();
        client.Version = version;
        client.SendBytes([.. new RawConnect(version).ToBytes(), .. publish]);
        Assert.Equal(ReasonCode.NotAuthorized, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(0, broker.Core.RetainedCount);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void Packets_sent_behind_CONNECT_without_waiting_are_processed_after_it(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Version = version;
        client.SendBytes([.. new RawConnect(version).ToBytes(), 0xC0, 0x00]);
        client.Next(PacketType.ConnAck);
        client.Next(PacketType.PingResp);
    }

    [Fact]
    public void A_CONNECT_that_does_not_come_in_time_is_not_waited_for()
    {
        TestClient client = _broker.Open();
        client.SendBytes(0x10, 0x20);
        _broker.Advance(9.9);
        Assert.False(client.IsClosed);
        _broker.Advance(0.2);
        Assert.True(client.IsClosed);
        Assert.Empty(client.Link.Arrived);
        Assert.Equal(CloseReason.ConnectTimeout, Assert.Single(_broker.Events, e => e.Kind == BrokerEventKind.Closed).CloseReason);
    }

    private static uint? Expiry(ProtocolVersion version) => version == ProtocolVersion.Mqtt50 ? 1000 : null;

    private static RawConnect WithWill(ProtocolVersion version, byte flags)
    {
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        return new RawConnect(version)
        {
            Flags = flags,
            Fields = [RawConnect.Text("client"), properties, RawConnect.Text("topic"), RawConnect.Text("payload")],
        };
    }

    private TestClient Persistent(string name, ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, clean: false, expiry: Expiry(version));
        return client;
    }

    /// <summary>5.0 is told 0x81 in CONNACK; 3.x closes and says nothing.</summary>
    private void AssertMalformed(RawConnect connect)
    {
        TestClient client = connect.SendOn(_broker.Open());
        if (connect.Version == ProtocolVersion.Mqtt50)
            Assert.Equal(ReasonCode.MalformedPacket, client.Next(PacketType.ConnAck).Reason);
        Assert.Null(client.TryNext());
        Assert.True(client.IsClosed);
        Assert.Equal(0, _broker.Core.SessionCount);
    }
}
