using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class SubAckPacketTests
{
    [Theory]
    [Clause("MQTT-3.9.3-1")]
    [Clause311("MQTT-3.9.3-1")]
    [InlineData(ProtocolVersion.Mqtt31, "90 06 00 0A 00 01 02 80")]
    [InlineData(ProtocolVersion.Mqtt311, "90 06 00 0A 00 01 02 80")]
    [InlineData(ProtocolVersion.Mqtt50, "90 07 00 0A 00 00 01 02 80")]
    [InlineData(ProtocolVersion.Mqtt50, "90 14 00 0A 0D 1F 00 03 'why' 26 00 01 'k' 00 01 'v' 00 01 02 80")]
    public void Codes_are_read_and_written_in_their_order(ProtocolVersion version, string text)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.True(SubAckPacket.TryParse(Wire.Cut(bytes), version, out SubAckPacket packet, out _));
        Assert.Equal(10, packet.PacketId);
        Assert.Equal(Bytes.Of("00 01 02 80"), packet.ReasonCodes);
        Assert.Equal(bytes, Wire.Write(packet, version));
    }

    [Fact]
    [Clause311("MQTT-3.9.3-2")]
    public void MQTT_3_says_every_failure_as_80()
    {
        var packet = new SubAckPacket { PacketId = 1, ReasonCodes = Bytes.Of("01 80 83 87 8F 97 9E A2 02"), ReasonString = "no"u8 };
        Assert.Equal(Bytes.Of("90 0B 00 01 01 80 80 80 80 80 80 80 02"), Wire.Write(packet, Wire.V311));
        Assert.Equal(Bytes.Of("90 0B 00 01 01 80 80 80 80 80 80 80 02"), Wire.Write(packet, Wire.V31));
    }

    [Fact]
    [Clause("MQTT-3.9.3-2")]
    [Clause311("MQTT-3.9.3-2")]
    public void Only_the_codes_of_SUBACK_are_accepted()
    {
        byte[] allowed = Bytes.Of("00 01 02 80 83 87 8F 91 97 9E A1 A2");
        for (int code = 0; code < 256; code++)
        {
            Violation violation = Wire.Judge($"90 05 00 01 00 00 {code:X2}", Wire.V5);
            Assert.Equal(allowed.Contains((byte)code) ? default : ReasonCode.ProtocolError, violation.Reason);
            violation = Wire.Judge($"90 04 00 01 00 {code:X2}", Wire.V311);
            Assert.Equal(code is 0 or 1 or 2 or 0x80 ? default : ReasonCode.ProtocolError, violation.Reason);
        }
    }

    [Fact]
    public void Wrong_lengths_identifiers_and_properties_are_refused()
    {
        Wire.Refuse("90 00", Wire.V311, ReasonCode.MalformedPacket);
        Wire.Refuse("90 01 00", Wire.V311, ReasonCode.MalformedPacket);
        Wire.Refuse("90 02 00 01", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("90 03 00 00 00", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("90 02 00 01", Wire.V5, ReasonCode.MalformedPacket);
        Wire.Refuse("90 03 00 01 00", Wire.V5, ReasonCode.ProtocolError);
        Wire.Refuse("90 04 00 01 02 00", Wire.V5, ReasonCode.MalformedPacket);
        Wire.Refuse("90 06 00 01 02 01 00 00", Wire.V5, ReasonCode.MalformedPacket);
        Wire.Refuse("90 04 00 00 00 00", Wire.V5, ReasonCode.ProtocolError);
    }

    [Theory]
    [Clause("MQTT-3.11.3-1")]
    [InlineData("B0 05 00 0A 00 00 11", "00 11", "")]
    [InlineData("B0 11 00 0A 0D 1F 00 03 'why' 26 00 01 'k' 00 01 'v' 87", "87", "'why'")]
    public void UNSUBACK_of_MQTT_50_has_codes_in_their_order(string text, string codes, string reasonString)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.True(UnsubAckPacket.TryParse(Wire.Cut(bytes), Wire.V5, out UnsubAckPacket packet, out _));
        Assert.Equal(10, packet.PacketId);
        Assert.Equal(Bytes.Of(codes), packet.ReasonCodes);
        Assert.Equal(Bytes.Of(reasonString), packet.ReasonString);
        Assert.Equal(bytes, Wire.Write(packet, Wire.V5));
    }

    [Fact]
    public void UNSUBACK_of_MQTT_3_is_an_identifier()
    {
        foreach (ProtocolVersion version in new[] { Wire.V31, Wire.V311 })
        {
            byte[] bytes = Bytes.Of("B0 02 12 34");
            Assert.True(UnsubAckPacket.TryParse(Wire.Cut(bytes), version, out UnsubAckPacket packet, out _));
            Assert.Equal(0x1234, packet.PacketId);
            Assert.True(packet.ReasonCodes.IsEmpty);
            packet.ReasonCodes = Bytes.Of("00 11");
            Assert.Equal(bytes, Wire.Write(packet, version));
            Wire.Refuse("B0 03 00 01 00", version, ReasonCode.MalformedPacket);
            Wire.Refuse("B0 01 00", version, ReasonCode.MalformedPacket);
            Wire.Refuse("B0 02 00 00", version, ReasonCode.ProtocolError);
        }
    }

    [Fact]
    [Clause("MQTT-3.11.3-2")]
    public void Only_the_codes_of_UNSUBACK_are_accepted()
    {
        byte[] allowed = Bytes.Of("00 11 80 83 87 8F 91");
        for (int code = 0; code < 256; code++)
        {
            Violation violation = Wire.Judge($"B0 05 00 01 00 00 {code:X2}", Wire.V5);
            Assert.Equal(allowed.Contains((byte)code) ? default : ReasonCode.ProtocolError, violation.Reason);
        }

        Wire.Refuse("B0 03 00 01 00", Wire.V5, ReasonCode.ProtocolError);
        Wire.Refuse("B0 02 00 01", Wire.V5, ReasonCode.MalformedPacket);
        Wire.Refuse("B0 06 00 01 02 25 00 00", Wire.V5, ReasonCode.MalformedPacket);
    }

    [Fact]
    [Clause("MQTT-2.2.2-1")]
    public void No_properties_are_written_as_a_length_of_0()
    {
        Assert.Equal(Bytes.Of("90 04 00 01 00 02"), Wire.Write(new SubAckPacket { PacketId = 1, ReasonCodes = Bytes.Of("02") }, Wire.V5));
        Assert.Equal(Bytes.Of("B0 04 00 01 00 11"), Wire.Write(new UnsubAckPacket { PacketId = 1, ReasonCodes = Bytes.Of("11") }, Wire.V5));
    }
}
