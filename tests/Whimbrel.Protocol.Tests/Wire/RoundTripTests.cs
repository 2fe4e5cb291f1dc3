namespace Whimbrel.Protocol.Tests;

public class RoundTripTests
{
    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [InlineData(ProtocolVersion.Mqtt50)]
    public void What_is_written_is_read_as_the_same(ProtocolVersion version)
    {
        var packets = new RandomPackets(311 + (int)version);
        for (int i = 0; i < 20_000; i++)
        {
            (byte[] packet, string said) = packets.Next(version);
            Assert.Equal(said, Said.By(packet, version));
        }
    }

    [Fact]
    public void What_was_read_is_written_as_the_same_bytes()
    {
        var packets = new RandomPackets(50);
        for (int i = 0; i < 10_000; i++)
        {
            ProtocolVersion version = Wire.Versions[i % 3];
            (byte[] packet, _) = packets.Next(version);
            Assert.Equal(packet, Rewrite.Of(Wire.Cut(packet), version));
        }
    }

    [Fact]
    public void Every_type_is_met()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            var packets = new RandomPackets(1);
            var met = new HashSet<PacketType>();
            for (int i = 0; i < 1_000; i++)
            {
                met.Add(Wire.Cut(packets.Next(version).Packet).Type);
            }

            Assert.Equal(version == Wire.V5 ? 15 : 14, met.Count);
        }
    }
}
