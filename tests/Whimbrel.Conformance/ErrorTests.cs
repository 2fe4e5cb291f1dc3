using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 4.13 (4.8 in 3.1.1): malformed packets and protocol errors, and what chapter 2 says of every packet.</summary>
public class ErrorTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<string, byte[]> MalformedInEveryVersion() => new()
    {
        { "packet type 0", [0x00, 0x00] },
        { "PUBLISH of QoS 3", [0x36, 0x05, 0x00, 0x01, (byte)'t', 0x00, 0x01] },
        { "a remaining length of five bytes", [0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01] },
        { "PUBLISH without room for its topic", [0x30, 0x03, 0x00, 0x09, (byte)'t'] },
        { "PUBLISH without room for its packet identifier", [0x32, 0x03, 0x00, 0x01, (byte)'t'] },
        { "a topic that is not UTF-8", [0x30, 0x05, 0x00, 0x02, 0xC3, 0x28, 0x00] },
        { "a topic with a null character", [0x30, 0x06, 0x00, 0x03, (byte)'a', 0x00, (byte)'b', 0x00] },
        { "PUBACK with flags", [0x41, 0x02, 0x00, 0x01] },
        { "PUBREC with flags", [0x52, 0x02, 0x00, 0x01] },
        { "PUBREL without flags", [0x60, 0x02, 0x00, 0x01] },
        { "PUBCOMP with flags", [0x74, 0x02, 0x00, 0x01] },
        { "SUBSCRIBE without flags", [0x80, 0x06, 0x00, 0x01, 0x00, 0x01, (byte)'t', 0x00] },
        { "UNSUBSCRIBE without flags", [0xA0, 0x05, 0x00, 0x01, 0x00, 0x01, (byte)'t'] },
        { "PINGREQ with flags", [0xC4, 0x00] },
        { "PUBACK of one byte", [0x40, 0x01, 0x00] },
        { "SUBSCRIBE of one byte", [0x82, 0x01, 0x00] },
    };

    public static TheoryData<string, byte[], ReasonCode> WrongIn50() => new()
    {
        { "a property that does not exist", [0x30, 0x06, 0x00, 0x01, (byte)'t', 0x02, 0x7F, 0x00], ReasonCode.MalformedPacket },
        { "a property of another packet", [0x30, 0x09, 0x00, 0x01, (byte)'t', 0x05, 0x11, 0x00, 0x00, 0x00, 0x01], ReasonCode.MalformedPacket },
        { "a property cut off", [0x30, 0x06, 0x00, 0x01, (byte)'t', 0x02, 0x02, 0x00], ReasonCode.MalformedPacket },
        { "a property length beyond the packet", [0x30, 0x05, 0x00, 0x01, (byte)'t', 0x05, 0x01], ReasonCode.MalformedPacket },
        { "a property twice", [0x30, 0x08, 0x00, 0x01, (byte)'t', 0x04, 0x01, 0x00, 0x01, 0x00], ReasonCode.ProtocolError },
        { "a payload format of 2", [0x30, 0x06, 0x00, 0x01, (byte)'t', 0x02, 0x01, 0x02], ReasonCode.ProtocolError },
        { "a topic alias of 0", [0x30, 0x07, 0x00, 0x01, (byte)'t', 0x03, 0x23, 0x00, 0x00], ReasonCode.TopicAliasInvalid },
        { "no topic and no alias", [0x30, 0x03, 0x00, 0x00, 0x00], ReasonCode.ProtocolError },
        { "a wildcard in a topic", [0x30, 0x04, 0x00, 0x01, (byte)'#', 0x00], ReasonCode.TopicNameInvalid },
        { "an unknown reason in PUBACK", [0x40, 0x03, 0x00, 0x01, 0x42], ReasonCode.ProtocolError },
        { "CONNACK from a client", [0x20, 0x03, 0x00, 0x00, 0x00], ReasonCode.ProtocolError },
        { "SUBACK from a client", [0x90, 0x04, 0x00, 0x01, 0x00, 0x00], ReasonCode.ProtocolError },
        { "UNSUBACK from a client", [0xB0, 0x04, 0x00, 0x01, 0x00, 0x00], ReasonCode.ProtocolError },
    };

    [Theory]
    [MemberData(nameof(MalformedInEveryVersion))]
    [Clause("MQTT-4.13.1-1")]
    [Clause("MQTT-4.13.2-1")]
    [Clause311("MQTT-4.8.0-1")]
    [Clause311("MQTT-2.2.2-2")]
    public void A_malformed_packet_ends_the_connection(string what, byte[] bytes)
    {
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
        {
            TestClient client = _broker.Open();
            client.Connect("client", version);
            client.SendBytes(bytes);
            Assert.True(client.IsClosed, $"{what} was taken in {version}");
            client.AssertClosed(ReasonCode.MalformedPacket);
            Assert.Equal(CloseReason.ProtocolViolation, _broker.Events.Last(e => e.Kind == BrokerEventKind.Closed).CloseReason);
        }
    }

    [Theory]
    [MemberData(nameof(WrongIn50))]
    [Clause("MQTT-4.13.1-1")]
    [Clause("MQTT-4.13.2-1")]
    public void What_is_wrong_in_5_0_ends_the_connection_with_its_own_reason(string what, byte[] bytes, ReasonCode reason)
    {
        TestClient client = _broker.Open();
        client.Connect("client");
        client.SendBytes(bytes);
        Assert.True(client.IsClosed, $"{what} was taken");
        client.AssertClosed(reason);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [Clause311("MQTT-4.8.0-1")]
    public void Before_5_0_a_protocol_violation_ends_the_connection_without_a_word(ProtocolVersion version)
    {
        byte[][] wrong = [[0x20, 0x02, 0x00, 0x00], [0x90, 0x03, 0x00, 0x01, 0x00], [0xB0, 0x02, 0x00, 0x01], [0xD0, 0x00], [0xF0, 0x00]];
        foreach (byte[] bytes in wrong)
        {
            TestClient client = _broker.Open();
            client.Connect("client", version);
            client.SendBytes(bytes);
            Assert.True(client.IsClosed);
            client.AssertNothing();
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_connection_error_leaves_the_session_in_place(ProtocolVersion version)
    {
        uint? expiry = version == ProtocolVersion.Mqtt50 ? 100 : null;
        TestClient client = _broker.Open();
        client.Connect("client", version, clean: false, expiry: expiry);
        client.Subscribe("t");
        client.SendBytes(0x00, 0x00);
        Assert.True(client.IsClosed);
        Assert.Equal((1, 1), (_broker.Core.SessionCount, _broker.Core.SubscriptionCount));
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void What_came_before_the_malformed_packet_was_processed_and_what_comes_after_is_not(ProtocolVersion version)
    {
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("t", QoS.AtMostOnce);
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        byte[] Publish(char payload) => [0x30, (byte)(4 + properties.Length), 0x00, 0x01, (byte)'t', .. properties, (byte)payload];
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.SendBytes([.. Publish('1'), .. Publish('2'), 0x00, 0x00, .. Publish('3')]);
        Assert.Equal(["1", "2"], watcher.Rest().Select(seen => seen.Payload));
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause311("MQTT-4.8.0-2")]
    public void A_publish_that_there_is_no_room_for_is_not_acknowledged_as_if_there_were(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, RetainedMessagesMax = 1 });
        TestClient client = broker.Open();
        client.Connect("client", version);
        client.Publish("one", "x", retain: true);
        client.Publish("two", "x", QoS.AtLeastOnce, retain: true);
        if (version == ProtocolVersion.Mqtt50)
            Assert.Equal(ReasonCode.QuotaExceeded, client.Next(PacketType.PubAck).Reason);
        else
            client.AssertClosed(ReasonCode.QuotaExceeded);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    public void A_packet_may_come_in_any_number_of_pieces(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Version = version;
        foreach (byte one in new RawConnect(version).ToBytes())
            client.SendBytes(one);
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.ConnAck).Reason);
        client.Subscribe("t", QoS.AtMostOnce);
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        foreach (byte one in (byte[])[0x30, (byte)(4 + properties.Length), 0x00, 0x01, (byte)'t', .. properties, (byte)'x'])
            client.SendBytes(one);
        Assert.Equal("x", client.Next(PacketType.Publish).Payload);
    }
}
