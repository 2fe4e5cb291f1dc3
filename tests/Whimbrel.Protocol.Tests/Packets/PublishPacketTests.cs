using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class PublishPacketTests
{
    [Theory]
    [Clause("MQTT-2.2.1-2")]
    [Clause311("MQTT-2.3.1-5")]
    [InlineData("30 08 00 03 'a/b' 'xyz'", "30 09 00 03 'a/b' 00 'xyz'", false, QoS.AtMostOnce, false, 0)]
    [InlineData("31 08 00 03 'a/b' 'xyz'", "31 09 00 03 'a/b' 00 'xyz'", false, QoS.AtMostOnce, true, 0)]
    [InlineData("32 0A 00 03 'a/b' 00 0A 'xyz'", "32 0B 00 03 'a/b' 00 0A 00 'xyz'", false, QoS.AtLeastOnce, false, 10)]
    [InlineData("3B 0A 00 03 'a/b' FF FF 'xyz'", "3B 0B 00 03 'a/b' FF FF 00 'xyz'", true, QoS.AtLeastOnce, true, 65_535)]
    [InlineData("34 0A 00 03 'a/b' 00 01 'xyz'", "34 0B 00 03 'a/b' 00 01 00 'xyz'", false, QoS.ExactlyOnce, false, 1)]
    [InlineData("3C 0A 00 03 'a/b' 00 01 'xyz'", "3C 0B 00 03 'a/b' 00 01 00 'xyz'", true, QoS.ExactlyOnce, false, 1)]
    public void Every_QoS_and_flag_is_read_and_written(string v3, string v5, bool isDuplicate, QoS qos, bool isRetained, int id)
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            byte[] bytes = Bytes.Of(version == Wire.V5 ? v5 : v3);
            Assert.True(PublishPacket.TryParse(Wire.Cut(bytes), version, out PublishPacket packet, out _));
            Assert.Equal(isDuplicate, packet.Duplicate);
            Assert.Equal(qos, packet.QoS);
            Assert.Equal(isRetained, packet.Retain);
            Assert.Equal(id, packet.PacketId);
            Assert.Equal("a/b"u8, packet.Topic);
            Assert.Equal("xyz"u8, packet.Payload);
            Assert.True(packet.PropertyBlock.IsEmpty);
            Assert.Equal(0, packet.MeasureForwardable());
            Assert.Equal(bytes, Wire.Write(packet, version));
        }
    }

    [Fact]
    public void Every_property_of_MQTT_50_is_read()
    {
        byte[] bytes = Bytes.Of(
            "32 [ `a/b` 00 0A [ 26 `b` `1` 01 01 02 00 00 00 3C 23 00 07 08 `r/t` 09 00 02 00 FF 0B 01 0B FF FF FF 7F 03 `text`"
            + " 26 `a` `2` ] 'hey' ]");
        Assert.True(PublishPacket.TryParse(Wire.Cut(bytes), Wire.V5, out PublishPacket packet, out Violation violation), $"{violation}");
        Assert.True(packet.HasPayloadFormat);
        Assert.True(packet.PayloadFormat);
        Assert.True(packet.HasMessageExpiry);
        Assert.Equal(60u, packet.MessageExpirySeconds);
        Assert.Equal(7, packet.TopicAlias);
        Assert.Equal("r/t"u8, packet.ResponseTopic);
        Assert.True(packet.HasCorrelationData);
        Assert.Equal(Bytes.Of("00 FF"), packet.CorrelationData);
        Assert.True(packet.HasContentType);
        Assert.Equal("text"u8, packet.ContentType);
        Assert.Equal(2, packet.SubscriptionIdCount);
        var ids = new List<uint>();
        foreach (uint id in packet.SubscriptionIds)
        {
            ids.Add(id);
        }

        Assert.Equal([1u, 268_435_455u], ids);
        Assert.Equal(" 62=31 61=32", Describe.Users(packet.PropertyBlock));
        Assert.Equal("hey"u8, packet.Payload);

        byte[] kept = new byte[packet.MeasureForwardable()];
        Assert.Equal(kept.Length, packet.WriteForwardable(kept));
        Assert.Equal(Bytes.Of("26 `b` `1` 01 01 08 `r/t` 09 00 02 00 FF 03 `text` 26 `a` `2`"), kept);
    }

    [Fact]
    public void Absent_properties_are_absent()
    {
        Assert.True(PublishPacket.TryParse(Wire.Cut(Bytes.Of("30 04 00 01 'a' 00")), Wire.V5, out PublishPacket packet, out _));
        Assert.False(packet.HasPayloadFormat || packet.HasContentType || packet.HasCorrelationData || packet.HasMessageExpiry);
        Assert.Null(packet.PayloadFormat);
        Assert.Equal(0, packet.TopicAlias);
        Assert.Equal(0, packet.SubscriptionIdCount);
        foreach (uint id in packet.SubscriptionIds)
        {
            Assert.Fail($"{id}");
        }
    }

    [Fact]
    public void What_is_said_anew_at_each_hop_is_written_before_what_is_passed_on()
    {
        var packet = new PublishPacket
        {
            QoS = QoS.AtLeastOnce,
            PacketId = 10,
            Topic = "a"u8,
            HasMessageExpiry = true,
            MessageExpirySeconds = 59,
            TopicAlias = 3,
            SubscriptionIdentifiers = [1, 128],
            PropertyBlock = Bytes.Of("01 01 26 `k` `v`"),
            Payload = "p"u8,
        };
        Assert.Equal(
            Bytes.Of("32 1D 00 01 'a' 00 0A 16 02 00 00 00 3B 23 00 03 0B 01 0B 80 01 01 01 26 00 01 'k' 00 01 'v' 'p'"),
            Wire.Write(packet, Wire.V5));
        Assert.Equal(Bytes.Of("32 06 00 01 'a' 00 0A 'p'"), Wire.Write(packet, Wire.V311));

        byte[] head = new byte[64];
        int length = packet.WriteHead(head, Wire.V5);
        Assert.Equal(packet.Measure(Wire.V5) - 1, length);
        Assert.Equal(Wire.Write(packet, Wire.V5)[..length], head[..length]);
    }

    [Fact]
    [Clause("MQTT-3.3.1-2")]
    [Clause311("MQTT-3.3.1-2")]
    public void DUP_is_0_with_QoS_0()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            Wire.Refuse("38 04 00 01 'a' 00", version, ReasonCode.MalformedPacket);
            Wire.Refuse("39 04 00 01 'a' 00", version, ReasonCode.MalformedPacket);
        }
    }

    [Fact]
    [Clause311("MQTT-2.3.1-1")]
    public void A_packet_identifier_is_not_0()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            Wire.Refuse("32 06 00 01 'a' 00 00 00", version, ReasonCode.ProtocolError);
            Wire.Refuse("34 06 00 01 'a' 00 00 00", version, ReasonCode.ProtocolError);
        }
    }

    [Fact]
    [Clause("MQTT-4.7.3-1")]
    [Clause311("MQTT-4.7.3-1")]
    public void A_topic_is_empty_only_beside_an_alias()
    {
        Wire.Refuse("30 [ `` 'x' ]", Wire.V31, ReasonCode.TopicNameInvalid);
        Wire.Refuse("30 [ `` 'x' ]", Wire.V311, ReasonCode.TopicNameInvalid);
        Wire.Refuse("30 [ `` [ ] 'x' ]", Wire.V5, ReasonCode.ProtocolError);
        Wire.Accept("30 [ `` [ 23 00 01 ] 'x' ]", Wire.V5);
        Wire.Accept("30 [ `a` [ 23 FF FF ] 'x' ]", Wire.V5);
    }

    [Theory]
    [InlineData("", ProtocolVersion.Mqtt311)]
    [InlineData("00", ProtocolVersion.Mqtt311)]
    [InlineData("00 02 'a'", ProtocolVersion.Mqtt311)]
    [InlineData("`a`", ProtocolVersion.Mqtt50)]
    [InlineData("`a` 01", ProtocolVersion.Mqtt50)]
    [InlineData("`a` 80 00", ProtocolVersion.Mqtt50)]
    [InlineData("`a` [ FF ]", ProtocolVersion.Mqtt50)]
    [InlineData("`a` [ 11 00 00 00 01 ]", ProtocolVersion.Mqtt50)]
    public void A_PUBLISH_cut_short_or_with_a_foreign_property_is_malformed(string body, ProtocolVersion version) =>
        Wire.Refuse($"30 [ {body} ]", version, ReasonCode.MalformedPacket);

    [Fact]
    public void A_packet_identifier_cut_short_is_malformed()
    {
        Wire.Refuse("32 03 00 01 'a'", Wire.V311, ReasonCode.MalformedPacket);
        Wire.Refuse("32 04 00 01 'a' 00", Wire.V311, ReasonCode.MalformedPacket);
    }

    [Fact]
    public void A_payload_may_be_empty_or_large()
    {
        byte[] body = [0, 1, (byte)'a', .. Bytes.Text(300_000)];
        byte[] bytes = Bytes.Packet(0x30, body);
        Assert.True(PublishPacket.TryParse(Wire.Cut(bytes), Wire.V311, out PublishPacket packet, out _));
        Assert.Equal(300_000, packet.Payload.Length);
        Assert.Equal(bytes, Wire.Write(packet, Wire.V311));
        Wire.Accept("30 03 00 01 'a'", Wire.V311);
    }
}
