using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class ConnectPacketTests
{
    [Fact]
    public void A_plain_CONNECT_of_MQTT_31_is_read_and_written()
    {
        byte[] bytes = Bytes.Of("10 11 00 06 'MQIsdp' 03 02 00 3C 00 03 'abc'");
        Assert.True(ConnectPacket.TryParse(Wire.Cut(bytes), out ConnectPacket packet, out _));
        Assert.Equal(ProtocolVersion.Mqtt31, packet.Version);
        Assert.False(packet.IsBridge);
        Assert.True(packet.CleanStart);
        Assert.Equal(60, packet.KeepAliveSeconds);
        Assert.Equal("abc"u8, packet.ClientId);
        Assert.False(packet.HasWill || packet.HasUserName || packet.HasPassword);
        Assert.Equal(bytes, Wire.Write(packet, packet.Version));
    }

    [Fact]
    [Clause311("MQTT-3.1.3-1")]
    public void A_full_CONNECT_of_MQTT_311_is_read_and_written()
    {
        byte[] bytes = Bytes.Of(
            "10 26 00 04 'MQTT' 04 F6 00 0A 00 02 'id' 00 03 'w/t' 00 05 00 01 02 03 04 00 03 'bob' 00 05 FF FE FD FC FB");
        Assert.True(ConnectPacket.TryParse(Wire.Cut(bytes), out ConnectPacket packet, out _));
        Assert.Equal(ProtocolVersion.Mqtt311, packet.Version);
        Assert.True(packet.CleanStart);
        Assert.Equal(10, packet.KeepAliveSeconds);
        Assert.Equal("id"u8, packet.ClientId);
        Assert.True(packet.HasWill && packet.WillRetain);
        Assert.Equal(QoS.ExactlyOnce, packet.WillQoS);
        Assert.Equal("w/t"u8, packet.WillTopic);
        Assert.Equal(Bytes.Of("00 01 02 03 04"), packet.WillPayload);
        Assert.True(packet.HasUserName && packet.HasPassword);
        Assert.Equal("bob"u8, packet.UserName);
        Assert.Equal(Bytes.Of("FF FE FD FC FB"), packet.Password);
        Assert.Null(packet.SessionExpirySeconds);
        Assert.Equal(bytes, Wire.Write(packet, packet.Version));
    }

    [Fact]
    [Clause("MQTT-3.1.3-1")]
    public void A_full_CONNECT_of_MQTT_50_is_read_and_written()
    {
        byte[] bytes = Bytes.Of(
            "10 7E 00 04 'MQTT' 05 CE 01 2C"
            + " 2F 11 FF FF FF FF 21 00 14 27 00 10 00 00 22 00 0A 19 01 17 00 15 00 05 'SCRAM' 16 00 02 01 02"
            + " 26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 01 'w'"
            + " 00 02 'id'"
            + " 2D 18 00 00 00 05 02 00 00 00 3C 01 01 03 00 04 'text' 08 00 03 'r/t' 09 00 03 01 02 03"
            + " 26 00 01 'b' 00 01 '1' 26 00 01 'a' 00 01 '2'"
            + " 00 03 'w/t' 00 02 'by' 00 03 'bob' 00 02 00 FF");
        Assert.True(ConnectPacket.TryParse(Wire.Cut(bytes), out ConnectPacket packet, out Violation violation), $"{violation}");
        Assert.Equal(ProtocolVersion.Mqtt50, packet.Version);
        Assert.True(packet.CleanStart);
        Assert.Equal(300, packet.KeepAliveSeconds);
        Assert.Equal(uint.MaxValue, packet.SessionExpirySeconds);
        Assert.Equal((ushort)20, packet.ReceiveMaximum);
        Assert.Equal(0x0010_0000u, packet.MaximumPacketSize);
        Assert.Equal((ushort)10, packet.TopicAliasMaximum);
        Assert.True(packet.RequestResponseInformation);
        Assert.False(packet.RequestProblemInformation);
        Assert.True(packet.HasAuthenticationMethod && packet.HasAuthenticationData);
        Assert.Equal("SCRAM"u8, packet.AuthenticationMethod);
        Assert.Equal(Bytes.Of("01 02"), packet.AuthenticationData);
        Assert.Equal(" 6B=76 6B=77", Describe.Users(packet.UserPropertyBlock));
        Assert.Equal("id"u8, packet.ClientId);
        Assert.Equal(QoS.AtLeastOnce, packet.WillQoS);
        Assert.False(packet.WillRetain);
        Assert.Equal(5u, packet.WillDelaySeconds);
        Assert.Equal(60u, packet.WillMessageExpirySeconds);
        Assert.Equal(0x2D, packet.WillProperties.Length);
        Assert.Equal("w/t"u8, packet.WillTopic);
        Assert.Equal("by"u8, packet.WillPayload);
        Assert.Equal("bob"u8, packet.UserName);
        Assert.Equal(Bytes.Of("00 FF"), packet.Password);
        Assert.Equal(bytes, Wire.Write(packet, packet.Version));
    }

    [Fact]
    public void Absent_properties_are_absent()
    {
        Assert.True(ConnectPacket.TryParse(Wire.Cut(Bytes.Of("10 0D 00 04 'MQTT' 05 00 00 00 00 00 00")), out ConnectPacket packet, out _));
        Assert.Null(packet.SessionExpirySeconds);
        Assert.Null(packet.ReceiveMaximum);
        Assert.Null(packet.MaximumPacketSize);
        Assert.Null(packet.TopicAliasMaximum);
        Assert.Null(packet.RequestResponseInformation);
        Assert.Null(packet.RequestProblemInformation);
        Assert.Null(packet.WillMessageExpirySeconds);
        Assert.False(packet.HasAuthenticationMethod || packet.HasAuthenticationData || packet.CleanStart);
    }

    [Theory]
    [Clause("MQTT-3.1.2-1")]
    [Clause311("MQTT-3.1.2-1")]
    [InlineData("10 [ `MQTX` 04 02 00 00 `a` ]")]
    [InlineData("10 [ `mqtt` 04 02 00 00 `a` ]")]
    [InlineData("10 [ `` 04 02 00 00 `a` ]")]
    [InlineData("10 [ `HTTP` 04 02 00 00 `a` ]")]
    [InlineData("10 [ `MQIsdpx` 03 02 00 00 `a` ]")]
    public void Another_protocol_name_is_not_processed(string packet) =>
        Wire.Refuse(packet, Wire.V311, ReasonCode.UnsupportedProtocolVersion);

    [Fact]
    public void Exactly_the_levels_of_MQTT_31_311_50_and_their_bridges_are_known()
    {
        for (int level = 0; level < 256; level++)
        {
            string byName31 = $"10 [ `MQIsdp` {level:X2} 02 00 00 `a` ]";
            string byName = $"10 [ `MQTT` {level:X2} 02 00 00 {(level == 5 ? "[ ] " : "")}`a` ]";
            Expect(byName31, level is 0x03 or 0x83, ProtocolVersion.Mqtt31, level == 0x83);
            Expect(byName, level is 0x04 or 0x84 or 0x05, level == 5 ? ProtocolVersion.Mqtt50 : ProtocolVersion.Mqtt311, level == 0x84);
        }

        static void Expect(string text, bool isKnown, ProtocolVersion version, bool isBridge)
        {
            byte[] bytes = Bytes.Of(text);
            Assert.Equal(isKnown, ConnectPacket.TryParse(Wire.Cut(bytes), out ConnectPacket packet, out Violation violation));
            Assert.Equal(isKnown ? version : 0, packet.Version);
            Assert.Equal(isKnown && isBridge, packet.IsBridge);
            Assert.Equal(isKnown ? default : ReasonCode.UnsupportedProtocolVersion, violation.Reason);
            if (isKnown)
            {
                Assert.Equal(bytes, Wire.Write(packet, packet.Version));
            }
        }
    }

    [Fact]
    public void The_version_is_known_to_the_refusal_of_what_follows()
    {
        Assert.False(ConnectPacket.TryParse(Wire.Cut(Bytes.Of("10 [ `MQTT` 05 03 00 00 [ ] `a` ]")), out ConnectPacket packet, out _));
        Assert.Equal(ProtocolVersion.Mqtt50, packet.Version);
        Assert.False(ConnectPacket.TryParse(Wire.Cut(Bytes.Of("10 [ `MQTT` 04 ]")), out packet, out _));
        Assert.Equal(ProtocolVersion.Mqtt311, packet.Version);
    }

    [Fact]
    [Clause("MQTT-3.1.2-3")]
    [Clause311("MQTT-3.1.2-3")]
    public void The_reserved_flag_is_0()
    {
        Wire.Refuse("10 [ `MQTT` 04 03 00 00 `a` ]", Wire.V311, ReasonCode.MalformedPacket);
        Wire.Refuse("10 [ `MQTT` 05 03 00 00 [ ] `a` ]", Wire.V5, ReasonCode.MalformedPacket);
        Wire.Accept("10 [ `MQIsdp` 03 03 00 00 `a` ]", Wire.V31);
    }

    [Fact]
    [Clause("MQTT-3.1.2-11")]
    [Clause("MQTT-3.1.2-12")]
    [Clause("MQTT-3.1.2-13")]
    [Clause311("MQTT-3.1.2-11")]
    [Clause311("MQTT-3.1.2-13")]
    [Clause311("MQTT-3.1.2-14")]
    [Clause311("MQTT-3.1.2-15")]
    public void Will_flags_agree_with_each_other()
    {
        for (int flags = 0; flags < 0x40; flags += 2)
        {
            bool hasWill = (flags & 0x04) != 0;
            bool isGood = hasWill ? (flags & 0x18) != 0x18 : (flags & 0x38) == 0;
            string will3 = hasWill ? "`w` `x`" : "";
            string will5 = hasWill ? "[ ] `w` `x`" : "";
            foreach (string packet in new[]
            {
                $"10 [ `MQIsdp` 03 {flags:X2} 00 00 `a` {will3} ]",
                $"10 [ `MQTT` 04 {flags:X2} 00 00 `a` {will3} ]",
                $"10 [ `MQTT` 05 {flags:X2} 00 00 [ ] `a` {will5} ]",
            })
            {
                Violation violation = Wire.Judge(packet, Wire.V311);
                Assert.True(isGood == violation.IsNone, $"{packet}: {violation}");
                Assert.Equal(isGood ? default : ReasonCode.MalformedPacket, violation.Reason);
            }
        }
    }

    [Fact]
    [Clause("MQTT-3.1.2-9")]
    [Clause("MQTT-3.1.2-16")]
    [Clause("MQTT-3.1.2-17")]
    [Clause("MQTT-3.1.2-18")]
    [Clause("MQTT-3.1.2-19")]
    [Clause("MQTT-3.1.3-1")]
    [Clause("MQTT-3.1.3-3")]
    [Clause311("MQTT-3.1.2-9")]
    [Clause311("MQTT-3.1.2-11")]
    [Clause311("MQTT-3.1.2-18")]
    [Clause311("MQTT-3.1.2-19")]
    [Clause311("MQTT-3.1.2-20")]
    [Clause311("MQTT-3.1.2-21")]
    [Clause311("MQTT-3.1.2-22")]
    [Clause311("MQTT-3.1.3-1")]
    [Clause311("MQTT-3.1.3-3")]
    public void The_payload_holds_what_the_flags_announce_no_less_and_no_more()
    {
        // Every field is one letter, so that one too few or too many cannot pass for another's length.
        for (int flags = 0; flags < 8; flags++)
        {
            bool hasWill = (flags & 1) != 0;
            bool hasPassword = (flags & 2) != 0;
            bool hasUserName = (flags & 4) != 0;
            int bits = (hasWill ? 0x04 : 0) | (hasPassword ? 0x40 : 0) | (hasUserName ? 0x80 : 0);
            int fields = 1 + (hasWill ? 2 : 0) + (hasPassword ? 1 : 0) + (hasUserName ? 1 : 0);
            for (int count = 0; count <= 7; count++)
            {
                string[] texts = [.. Enumerable.Repeat("`a`", count)];
                bool isGood3 = count == fields && (hasUserName || !hasPassword);
                string packet3 = $"10 [ `MQTT` 04 {bits:X2} 00 00 {string.Join(' ', texts)} ]";
                Violation violation = Wire.Judge(packet3, Wire.V311);
                Assert.True(isGood3 == violation.IsNone, packet3);
                Assert.Equal(isGood3 ? default : ReasonCode.MalformedPacket, violation.Reason);

                if (hasWill && count > 1)
                {
                    texts[1] = "[ ] " + texts[1];
                }

                string packet5 = $"10 [ `MQTT` 05 {bits:X2} 00 00 [ ] {string.Join(' ', texts)} ]";
                violation = Wire.Judge(packet5, Wire.V5);
                Assert.True((count == fields) == violation.IsNone, packet5);
                Assert.Equal(count == fields ? default : ReasonCode.MalformedPacket, violation.Reason);
            }
        }
    }

    [Fact]
    public void MQTT_31_lets_announced_credentials_lack()
    {
        byte[] bytes = Bytes.Of("10 [ `MQIsdp` 03 C2 00 00 `a` ]");
        Assert.True(ConnectPacket.TryParse(Wire.Cut(bytes), out ConnectPacket packet, out _));
        Assert.False(packet.HasUserName || packet.HasPassword);
        bytes = Bytes.Of("10 [ `MQIsdp` 03 C2 00 00 `a` `bob` ]");
        Assert.True(ConnectPacket.TryParse(Wire.Cut(bytes), out packet, out _));
        Assert.True(packet.HasUserName);
        Assert.False(packet.HasPassword);
        Wire.Refuse("10 [ `MQIsdp` 03 C2 00 00 `a` 00 ]", Wire.V31, ReasonCode.MalformedPacket);
        Wire.Refuse("10 [ `MQIsdp` 03 42 00 00 `a` `x` ]", Wire.V31, ReasonCode.MalformedPacket);
    }

    [Theory]
    [Clause("MQTT-4.7.0-1")]
    [Clause311("MQTT-4.7.1-1")]
    [InlineData("``")]
    [InlineData("`#`")]
    [InlineData("`a/+`")]
    public void A_will_topic_is_a_topic_name(string topic)
    {
        Wire.Refuse($"10 [ `MQTT` 04 06 00 00 `id` {topic} `x` ]", Wire.V311, ReasonCode.TopicNameInvalid);
        Wire.Refuse($"10 [ `MQTT` 05 06 00 00 [ ] `id` [ ] {topic} `x` ]", Wire.V5, ReasonCode.TopicNameInvalid);
    }

    [Theory]
    [InlineData("16 00 01 00", ReasonCode.ProtocolError)] // data without method
    [InlineData("21 00 00", ReasonCode.ProtocolError)]
    [InlineData("11 00 00 00 01 11 00 00 00 01", ReasonCode.ProtocolError)]
    [InlineData("18 00 00 00 01", ReasonCode.MalformedPacket)] // the Will's property outside of it
    [InlineData("01 00", ReasonCode.MalformedPacket)]
    public void Properties_are_held_to_their_rules(string block, ReasonCode reason) =>
        Wire.Refuse($"10 [ `MQTT` 05 02 00 00 [ {block} ] `id` ]", Wire.V5, reason);

    [Theory]
    [InlineData("11 00 00 00 01", ReasonCode.MalformedPacket)]
    [InlineData("23 00 01", ReasonCode.MalformedPacket)]
    [InlineData("18 00 00 00 01 18 00 00 00 01", ReasonCode.ProtocolError)]
    [InlineData("01 02", ReasonCode.ProtocolError)]
    public void Properties_of_the_Will_are_held_to_theirs(string block, ReasonCode reason) =>
        Wire.Refuse($"10 [ `MQTT` 05 06 00 00 [ ] `id` [ {block} ] `w` `x` ]", Wire.V5, reason);

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("00 04 'MQT'")]
    [InlineData("`MQTT`")]
    [InlineData("`MQTT` 04")]
    [InlineData("`MQTT` 04 02")]
    [InlineData("`MQTT` 04 02 00")]
    [InlineData("`MQTT` 04 02 00 00")]
    [InlineData("`MQTT` 05 02 00 00")]
    [InlineData("`MQTT` 05 02 00 00 05")]
    [InlineData("`MQTT` 05 02 00 00 80 00 `id`")]
    public void A_CONNECT_cut_short_is_malformed(string body) =>
        Wire.Refuse($"10 [ {body} ]", Wire.V311, ReasonCode.MalformedPacket);

    [Fact]
    [Clause("MQTT-2.2.2-1")]
    public void No_properties_are_written_as_a_length_of_0()
    {
        var packet = new ConnectPacket { Version = Wire.V5, ClientId = "a"u8, HasWill = true, WillTopic = "w"u8 };
        Assert.Equal(Bytes.Of("10 14 00 04 'MQTT' 05 04 00 00 00 00 01 'a' 00 00 01 'w' 00 00"), Wire.Write(packet, packet.Version));
    }
}
