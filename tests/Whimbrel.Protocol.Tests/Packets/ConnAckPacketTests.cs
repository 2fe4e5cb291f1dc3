using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class ConnAckPacketTests
{
    [Theory]
    [InlineData("20 02 00 00", false, ConnectReturnCode.Accepted, ReasonCode.Success)]
    [InlineData("20 02 01 00", true, ConnectReturnCode.Accepted, ReasonCode.Success)]
    [InlineData("20 02 00 01", false, ConnectReturnCode.UnacceptableProtocolVersion, ReasonCode.UnsupportedProtocolVersion)]
    [InlineData("20 02 00 02", false, ConnectReturnCode.IdentifierRejected, ReasonCode.ClientIdentifierNotValid)]
    [InlineData("20 02 00 03", false, ConnectReturnCode.ServerUnavailable, ReasonCode.ServerUnavailable)]
    [InlineData("20 02 00 04", false, ConnectReturnCode.BadUserNameOrPassword, ReasonCode.BadUserNameOrPassword)]
    [InlineData("20 02 00 05", false, ConnectReturnCode.NotAuthorized, ReasonCode.NotAuthorized)]
    public void MQTT_311_is_read_and_written(string text, bool isPresent, ConnectReturnCode code, ReasonCode reason)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.True(ConnAckPacket.TryParse(Wire.Cut(bytes), Wire.V311, out ConnAckPacket packet, out _));
        Assert.Equal(isPresent, packet.SessionPresent);
        Assert.Equal(code, packet.ReturnCode);
        Assert.Equal(reason, packet.Reason);
        Assert.Equal(bytes, Wire.Write(packet, Wire.V311));
    }

    [Fact]
    public void MQTT_31_knows_no_session_present()
    {
        Assert.True(ConnAckPacket.TryParse(Wire.Cut(Bytes.Of("20 02 FF 00")), Wire.V31, out ConnAckPacket packet, out _));
        Assert.False(packet.SessionPresent);
        packet.SessionPresent = true;
        Assert.Equal(Bytes.Of("20 02 00 00"), Wire.Write(packet, Wire.V31));
    }

    [Fact]
    public void MQTT_50_is_read_and_written_with_every_property()
    {
        byte[] bytes = Bytes.Of(
            "20 56 01 00 53 11 00 00 00 0A 21 00 14 24 01 25 00 27 00 10 00 00 12 00 04 'auto' 22 00 0A 1F 00 02 'ok'"
            + " 28 01 29 00 2A 01 13 00 1E 1A 00 04 'resp' 1C 00 05 'other' 15 00 05 'SCRAM' 16 00 03 01 02 03"
            + " 26 00 01 'k' 00 01 'v' 26 00 01 'k' 00 00");
        Assert.True(ConnAckPacket.TryParse(Wire.Cut(bytes), Wire.V5, out ConnAckPacket packet, out Violation violation), $"{violation}");
        Assert.True(packet.SessionPresent);
        Assert.Equal(ReasonCode.Success, packet.Reason);
        Assert.Equal(10u, packet.SessionExpirySeconds);
        Assert.Equal((ushort)20, packet.ReceiveMaximum);
        Assert.Equal(QoS.AtLeastOnce, packet.MaximumQoS);
        Assert.False(packet.RetainAvailable);
        Assert.Equal(0x0010_0000u, packet.MaximumPacketSize);
        Assert.Equal("auto"u8, packet.AssignedClientId);
        Assert.Equal((ushort)10, packet.TopicAliasMaximum);
        Assert.Equal("ok"u8, packet.ReasonString);
        Assert.True(packet.WildcardSubscriptionAvailable);
        Assert.False(packet.SubscriptionIdentifiersAvailable);
        Assert.True(packet.SharedSubscriptionAvailable);
        Assert.Equal((ushort)30, packet.ServerKeepAliveSeconds);
        Assert.Equal("resp"u8, packet.ResponseInformation);
        Assert.Equal("other"u8, packet.ServerReference);
        Assert.Equal("SCRAM"u8, packet.AuthenticationMethod);
        Assert.Equal(Bytes.Of("01 02 03"), packet.AuthenticationData);
        Assert.Equal(" 6B=76 6B=", Describe.Users(packet.UserPropertyBlock));
        Assert.Equal(bytes, Wire.Write(packet, Wire.V5));
    }

    [Fact]
    [Clause("MQTT-2.2.2-1")]
    public void No_properties_are_written_as_a_length_of_0()
    {
        Assert.Equal(Bytes.Of("20 03 00 00 00"), Wire.Write(new ConnAckPacket(), Wire.V5));
        Assert.Equal(Bytes.Of("20 03 00 87 00"), Wire.Write(new ConnAckPacket { Reason = ReasonCode.NotAuthorized }, Wire.V5));
        Assert.True(ConnAckPacket.TryParse(Wire.Cut(Bytes.Of("20 03 00 00 00")), Wire.V5, out ConnAckPacket packet, out _));
        Assert.Null(packet.MaximumQoS);
        Assert.Null(packet.RetainAvailable);
        Assert.Null(packet.ServerKeepAliveSeconds);
        Assert.Null(packet.SharedSubscriptionAvailable);
    }

    [Fact]
    [Clause("MQTT-3.2.2-1")]
    public void Reserved_acknowledge_flags_are_0()
    {
        for (int flags = 0; flags < 256; flags++)
        {
            bool isGood = flags <= 1;
            Assert.Equal(isGood, Wire.Judge($"20 02 {flags:X2} 00", Wire.V311).IsNone);
            Assert.Equal(isGood ? default : ReasonCode.MalformedPacket, Wire.Judge($"20 03 {flags:X2} 00 00", Wire.V5).Reason);
        }
    }

    [Fact]
    [Clause("MQTT-3.2.2-6")]
    [Clause311("MQTT-3.2.2-4")]
    public void A_refusal_never_has_session_present()
    {
        var packet = new ConnAckPacket { SessionPresent = true, Reason = ReasonCode.ServerBusy };
        Assert.Equal(Bytes.Of("20 02 00 03"), Wire.Write(packet, Wire.V311));
        Assert.Equal(Bytes.Of("20 03 00 89 00"), Wire.Write(packet, Wire.V5));
        Wire.Refuse("20 02 01 05", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("20 03 01 87 00", Wire.V5, ReasonCode.ProtocolError);
    }

    [Fact]
    [Clause("MQTT-3.2.2-8")]
    public void Only_the_reason_codes_of_CONNACK_are_accepted()
    {
        byte[] allowed = Bytes.Of("00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F");
        for (int code = 0; code < 256; code++)
        {
            bool isGood = allowed.Contains((byte)code);
            Assert.Equal(isGood ? default : ReasonCode.ProtocolError, Wire.Judge($"20 03 00 {code:X2} 00", Wire.V5).Reason);
            Assert.Equal(code <= 5 ? default : ReasonCode.ProtocolError, Wire.Judge($"20 02 00 {code:X2}", Wire.V311).Reason);
        }
    }

    [Theory]
    [InlineData("20 00", ProtocolVersion.Mqtt311)]
    [InlineData("20 01 00", ProtocolVersion.Mqtt311)]
    [InlineData("20 03 00 00 00", ProtocolVersion.Mqtt311)]
    [InlineData("20 02 00 00", ProtocolVersion.Mqtt50)]
    [InlineData("20 03 00 00 01", ProtocolVersion.Mqtt50)]
    [InlineData("20 04 00 00 00 00", ProtocolVersion.Mqtt50)]
    [InlineData("20 05 00 00 02 01 00", ProtocolVersion.Mqtt50)]
    public void A_wrong_length_or_property_is_malformed(string packet, ProtocolVersion version) =>
        Wire.Refuse(packet, version, ReasonCode.MalformedPacket);

    [Fact]
    public void Every_refusal_has_a_return_code_in_MQTT_3()
    {
        foreach (ReasonCode reason in Enum.GetValues<ReasonCode>())
        {
            ConnectReturnCode code = ReasonCodes.ToReturnCode(reason);
            Assert.InRange(code, ConnectReturnCode.Accepted, ConnectReturnCode.NotAuthorized);
            Assert.Equal(reason == ReasonCode.Success, code == ConnectReturnCode.Accepted);
            Assert.Equal(Bytes.Of($"20 02 00 {(byte)code:X2}"), Wire.Write(new ConnAckPacket { Reason = reason }, Wire.V31));
        }

        foreach (ConnectReturnCode code in Enum.GetValues<ConnectReturnCode>())
        {
            Assert.Equal(code, ReasonCodes.ToReturnCode(ReasonCodes.FromReturnCode(code)));
        }
    }
}
