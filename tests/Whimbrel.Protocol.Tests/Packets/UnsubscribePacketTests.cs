using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class UnsubscribePacketTests
{
    [Theory]
    [InlineData(ProtocolVersion.Mqtt31, "A2 0A 00 0A 00 03 'a/b' 00 01 '#'")]
    [InlineData(ProtocolVersion.Mqtt311, "A2 0A 00 0A 00 03 'a/b' 00 01 '#'")]
    [InlineData(ProtocolVersion.Mqtt50, "A2 0B 00 0A 00 00 03 'a/b' 00 01 '#'")]
    [InlineData(ProtocolVersion.Mqtt50, "A2 12 00 0A 07 26 00 01 'k' 00 01 'v' 00 03 'a/b' 00 01 '#'")]
    public void Filters_are_read_and_written_in_their_order(ProtocolVersion version, string text)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.True(UnsubscribePacket.TryParse(Wire.Cut(bytes), version, out UnsubscribePacket packet, out _));
        Assert.Equal(10, packet.PacketId);
        Assert.Equal(2, packet.FilterCount);
        var filters = new List<string>();
        foreach (ReadOnlySpan<byte> filter in packet.Filters)
        {
            filters.Add(Encoding.UTF8.GetString(filter));
        }

        Assert.Equal(["a/b", "#"], filters);
        Assert.Equal(bytes, Wire.Write(packet, version));
    }

    [Fact]
    [Clause("MQTT-3.10.3-2")]
    [Clause311("MQTT-3.10.3-2")]
    public void An_UNSUBSCRIBE_has_at_least_one_filter()
    {
        Wire.Refuse("A2 02 00 01", Wire.V31, ReasonCode.ProtocolError);
        Wire.Refuse("A2 02 00 01", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("A2 03 00 01 00", Wire.V5, ReasonCode.ProtocolError);
    }

    [Fact]
    [Clause311("MQTT-2.3.1-1")]
    public void A_packet_identifier_is_not_0()
    {
        Wire.Refuse("A2 05 00 00 00 01 'a'", Wire.V31, ReasonCode.ProtocolError);
        Wire.Refuse("A2 05 00 00 00 01 'a'", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("A2 06 00 00 00 00 01 'a'", Wire.V5, ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData("", ProtocolVersion.Mqtt311)]
    [InlineData("00", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 00", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 00 02 'a'", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 `a` 00", ProtocolVersion.Mqtt311)]
    [InlineData("00 01", ProtocolVersion.Mqtt50)]
    [InlineData("00 01 [ 0B 01 ] `a`", ProtocolVersion.Mqtt50)]
    public void An_UNSUBSCRIBE_cut_short_or_with_a_foreign_property_is_malformed(string body, ProtocolVersion version) =>
        Wire.Refuse($"A2 [ {body} ]", version, ReasonCode.MalformedPacket);

    [Fact]
    public void An_ill_formed_filter_is_refused_wherever_it_stands()
    {
        Wire.Refuse("A2 [ 00 01 `a#` ]", Wire.V311, ReasonCode.TopicFilterInvalid);
        Wire.Refuse("A2 [ 00 01 [ ] `a` `$share/g` ]", Wire.V5, ReasonCode.TopicFilterInvalid);
    }

    [Fact]
    public void A_payload_is_made_filter_by_filter()
    {
        byte[] payload = new byte[UnsubscribePacket.MeasureFilter("a/b"u8) + UnsubscribePacket.MeasureFilter("#"u8)];
        var writer = new PacketWriter(payload);
        UnsubscribePacket.EncodeFilter(ref writer, "a/b"u8);
        UnsubscribePacket.EncodeFilter(ref writer, "#"u8);
        Assert.Equal(payload.Length, writer.Written);
        var packet = new UnsubscribePacket { PacketId = 1, EncodedFilters = payload };
        Assert.Equal(Bytes.Of("A2 0B 00 01 00 00 03 'a/b' 00 01 '#'"), Wire.Write(packet, Wire.V5));
    }
}
