using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class AuthPacketTests
{
    [Fact]
    public void Every_property_is_read_and_written()
    {
        byte[] bytes = Bytes.Of("F0 1D 18 1B 15 00 05 'SCRAM' 16 00 04 01 02 03 04 1F 00 01 'r' 26 00 01 'k' 00 02 'v2'");
        Assert.True(AuthPacket.TryParse(Wire.Cut(bytes), Wire.V5, out AuthPacket packet, out Violation violation), $"{violation}");
        Assert.Equal(ReasonCode.ContinueAuthentication, packet.Reason);
        Assert.True(packet.HasAuthenticationMethod && packet.HasAuthenticationData);
        Assert.Equal("SCRAM"u8, packet.AuthenticationMethod);
        Assert.Equal(Bytes.Of("01 02 03 04"), packet.AuthenticationData);
        Assert.Equal("r"u8, packet.ReasonString);
        Assert.Equal(" 6B=7632", Describe.Users(packet.UserPropertyBlock));
        Assert.Equal(bytes, Wire.Write(packet, Wire.V5));
    }

    [Fact]
    public void The_empty_form_is_success_without_properties()
    {
        Assert.True(AuthPacket.TryParse(Wire.Cut(Bytes.Of("F0 00")), Wire.V5, out AuthPacket packet, out _));
        Assert.Equal(ReasonCode.Success, packet.Reason);
        Assert.False(packet.HasAuthenticationMethod);
        Assert.Equal(Bytes.Of("F0 00"), Wire.Write(packet, Wire.V5));
    }

    [Fact]
    [Clause("MQTT-3.15.2-1")]
    public void Only_the_codes_of_AUTH_are_accepted()
    {
        for (int code = 0; code < 256; code++)
        {
            Violation violation = Wire.Judge($"F0 06 {code:X2} 04 15 00 01 'm'", Wire.V5);
            Assert.Equal(code is 0x00 or 0x18 or 0x19 ? default : ReasonCode.ProtocolError, violation.Reason);
        }
    }

    [Theory]
    [InlineData("F0 01 00", ReasonCode.MalformedPacket)]
    [InlineData("F0 02 18 01", ReasonCode.MalformedPacket)]
    [InlineData("F0 02 00 00", ReasonCode.ProtocolError)] // no method
    [InlineData("F0 02 18 00", ReasonCode.ProtocolError)]
    [InlineData("F0 06 18 04 16 00 01 'd'", ReasonCode.ProtocolError)]
    [InlineData("F0 07 18 04 15 00 01 'm' 00", ReasonCode.MalformedPacket)]
    [InlineData("F0 0A 18 08 15 00 01 'm' 15 00 01 'm'", ReasonCode.ProtocolError)]
    [InlineData("F0 0B 18 09 15 00 01 'm' 11 00 00 00 01", ReasonCode.MalformedPacket)]
    public void Wrong_lengths_and_properties_are_refused(string packet, ReasonCode reason) => Wire.Refuse(packet, Wire.V5, reason);

    [Fact]
    public void Type_15_is_reserved_before_MQTT_50()
    {
        foreach (ProtocolVersion version in new[] { Wire.V31, Wire.V311 })
        {
            Wire.Refuse("F0 00", version, ReasonCode.MalformedPacket);
            Wire.Refuse("F0 06 18 04 15 00 01 'm'", version, ReasonCode.MalformedPacket);
        }
    }
}
