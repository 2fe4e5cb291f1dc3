namespace Whimbrel.Protocol.Tests;

public class PingPacketTests
{
    [Theory]
    [InlineData("C0 00", PacketType.PingReq)]
    [InlineData("D0 00", PacketType.PingResp)]
    public void Both_are_two_bytes_in_all_versions(string text, PacketType type)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.Equal(bytes, type == PacketType.PingReq ? PingPacket.Request : PingPacket.Response);
        foreach (ProtocolVersion version in Wire.Versions)
        {
            Assert.True(PingPacket.TryParse(Wire.Cut(bytes), version, out PingPacket packet, out _));
            Assert.Equal(type, packet.Type);
            byte[] written = new byte[packet.Measure(version)];
            Assert.Equal(2, packet.Write(written, version));
            Assert.Equal(bytes, written);
        }
    }

    [Fact]
    public void A_body_is_malformed()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            Wire.Refuse("C0 01 00", version, ReasonCode.MalformedPacket);
            Wire.Refuse("D0 01 00", version, ReasonCode.MalformedPacket);
        }
    }
}
