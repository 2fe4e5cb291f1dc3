using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class DisconnectPacketTests
{
    [Fact]
    public void MQTT_3_has_no_body()
    {
        foreach (ProtocolVersion version in new[] { Wire.V31, Wire.V311 })
        {
            byte[] bytes = Bytes.Of("E0 00");
            Assert.True(DisconnectPacket.TryParse(Wire.Cut(bytes), version, out DisconnectPacket packet, out _));
            Assert.Equal(ReasonCode.Success, packet.Reason);
            packet.Reason = ReasonCode.ServerBusy;
            packet.ReasonString = "later"u8;
            Assert.Equal(bytes, Wire.Write(packet, version));
            Wire.Refuse("E0 01 00", version, ReasonCode.MalformedPacket);
        }
    }

    [Theory]
    [InlineData("E0 00", "E0 00", ReasonCode.Success)]
    [InlineData("E0 01 00", "E0 00", ReasonCode.Success)]
    [InlineData("E0 02 00 00", "E0 00", ReasonCode.Success)]
    [InlineData("E0 01 04", "E0 01 04", ReasonCode.DisconnectWithWillMessage)]
    [InlineData("E0 02 8E 00", "E0 01 8E", ReasonCode.SessionTakenOver)]
    public void MQTT_50_has_shorter_forms_and_writes_the_shortest(string read, string written, ReasonCode reason)
    {
        Assert.True(DisconnectPacket.TryParse(Wire.Cut(Bytes.Of(read)), Wire.V5, out DisconnectPacket packet, out _));
        Assert.Equal(reason, packet.Reason);
        Assert.Null(packet.SessionExpirySeconds);
        Assert.Equal(Bytes.Of(written), Wire.Write(packet, Wire.V5));
    }

    [Fact]
    public void Every_property_is_read_and_written()
    {
        byte[] bytes = Bytes.Of("E0 1B 9D 19 11 00 00 00 00 1F 00 03 'why' 1C 00 03 'who' 26 00 01 'k' 00 02 'v2'");
        Assert.True(DisconnectPacket.TryParse(Wire.Cut(bytes), Wire.V5, out DisconnectPacket packet, out _));
        Assert.Equal(ReasonCode.ServerMoved, packet.Reason);
        Assert.Equal(0u, packet.SessionExpirySeconds);
        Assert.Equal("why"u8, packet.ReasonString);
        Assert.Equal("who"u8, packet.ServerReference);
        Assert.Equal(" 6B=7632", Describe.Users(packet.UserPropertyBlock));
        Assert.Equal(bytes, Wire.Write(packet, Wire.V5));
    }

    [Fact]
    [Clause("MQTT-3.14.2-1")]
    public void Only_the_codes_of_DISCONNECT_are_accepted()
    {
        byte[] allowed = Bytes.Of(
            "00 04 80 81 82 83 87 89 8B 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2");
        for (int code = 0; code < 256; code++)
        {
            Violation violation = Wire.Judge($"E0 01 {code:X2}", Wire.V5);
            Assert.Equal(allowed.Contains((byte)code) ? default : ReasonCode.ProtocolError, violation.Reason);
        }
    }

    [Theory]
    [InlineData("E0 02 00 01", ReasonCode.MalformedPacket)]
    [InlineData("E0 03 00 00 00", ReasonCode.MalformedPacket)]
    [InlineData("E0 04 00 02 01 00", ReasonCode.MalformedPacket)]
    [InlineData("E0 0A 00 08 1F 00 01 'a' 1F 00 01 'b'", ReasonCode.ProtocolError)]
    public void Wrong_lengths_and_properties_are_refused(string packet, ReasonCode reason) => Wire.Refuse(packet, Wire.V5, reason);
}
