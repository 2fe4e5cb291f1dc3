using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class SubscribePacketTests
{
    [Theory]
    [InlineData(ProtocolVersion.Mqtt31, "82 0E 00 0A 00 03 'a/b' 01 00 03 'c/d' 02")]
    [InlineData(ProtocolVersion.Mqtt311, "82 0E 00 0A 00 03 'a/b' 01 00 03 'c/d' 02")]
    [InlineData(ProtocolVersion.Mqtt50, "82 0F 00 0A 00 00 03 'a/b' 01 00 03 'c/d' 02")]
    public void Filters_are_read_and_written_in_their_order(ProtocolVersion version, string text)
    {
        byte[] bytes = Bytes.Of(text);
        Assert.True(SubscribePacket.TryParse(Wire.Cut(bytes), version, out SubscribePacket packet, out _));
        Assert.Equal(10, packet.PacketId);
        Assert.Equal(0u, packet.SubscriptionIdentifier);
        Assert.Equal(2, packet.FilterCount);
        Assert.Equal(["a/b AtLeastOnce", "c/d ExactlyOnce"], Filters(packet));
        Assert.Equal(bytes, Wire.Write(packet, version));
    }

    [Fact]
    public void The_identifier_and_every_option_of_MQTT_50_are_read_and_written()
    {
        byte[] bytes = Bytes.Of(
            "82 2A 00 01 0A 0B 80 01 26 00 01 'k' 00 01 'v' 00 01 'a' 04 00 01 'b' 09 00 01 'c' 12 00 01 'd' 20 00 0A '$share/g/e' 2A");
        Assert.True(SubscribePacket.TryParse(Wire.Cut(bytes), Wire.V5, out SubscribePacket packet, out _));
        Assert.Equal(128u, packet.SubscriptionIdentifier);
        Assert.Equal(" 6B=76", Describe.Users(packet.UserPropertyBlock));
        Assert.Equal(5, packet.FilterCount);
        SubscriptionOptions[] expected =
        [
            new(QoS.AtMostOnce, noLocal: true),
            new(QoS.AtLeastOnce, retainAsPublished: true),
            new(QoS.ExactlyOnce, retainHandling: RetainHandling.SendIfNew),
            new(QoS.AtMostOnce, retainHandling: RetainHandling.DoNotSend),
            new(QoS.ExactlyOnce, retainAsPublished: true, retainHandling: RetainHandling.DoNotSend),
        ];
        var seen = new List<SubscriptionOptions>();
        foreach (SubscriptionRequest request in packet.Filters)
        {
            seen.Add(request.Options);
        }

        Assert.Equal(expected, seen);
        Assert.Equal(bytes, Wire.Write(packet, Wire.V5));
    }

    [Fact]
    public void Options_are_their_bits()
    {
        for (int bits = 0; bits < 0x40; bits++)
        {
            var options = new SubscriptionOptions((byte)bits);
            Assert.Equal(bits & 0x03, (int)options.QoS);
            Assert.Equal((bits & 0x04) != 0, options.NoLocal);
            Assert.Equal((bits & 0x08) != 0, options.RetainAsPublished);
            Assert.Equal(bits >> 4, (int)options.RetainHandling);
            Assert.Equal(options, new SubscriptionOptions(options.QoS, options.NoLocal, options.RetainAsPublished, options.RetainHandling));
            Assert.Equal(new SubscriptionOptions((byte)((bits & 0x3C) | 1)), options.With(QoS.AtLeastOnce));
            Assert.Equal(new SubscriptionOptions((byte)(bits | 0x0C)), options.ForBridge());
        }
    }

    [Fact]
    [Clause("MQTT-3.8.3-5")]
    [Clause311("MQTT-3.8.3-4")]
    public void Reserved_bits_and_values_of_the_options_are_refused()
    {
        for (int bits = 0; bits < 256; bits++)
        {
            Violation violation = Wire.Judge($"82 06 00 01 00 01 'a' {bits:X2}", Wire.V311);
            Assert.Equal(bits < 3, violation.IsNone);
            Assert.Equal(bits > 3 ? ReasonCode.MalformedPacket : bits == 3 ? ReasonCode.ProtocolError : default, violation.Reason);
            Assert.Equal(violation, Wire.Judge($"82 06 00 01 00 01 'a' {bits:X2}", Wire.V31));

            violation = Wire.Judge($"82 07 00 01 00 00 01 'a' {bits:X2}", Wire.V5);
            bool isWrong = (bits & 0x03) == 3 || (bits & 0x30) == 0x30;
            Assert.Equal(bits >= 0x40 ? ReasonCode.MalformedPacket : isWrong ? ReasonCode.ProtocolError : default, violation.Reason);
            Assert.Equal(bits < 0x40 && !isWrong, violation.IsNone);
        }
    }

    [Fact]
    [Clause("MQTT-3.8.3-4")]
    public void No_Local_on_a_shared_subscription_is_refused()
    {
        Wire.Refuse("82 [ 00 01 [ ] `$share/g/a` 05 ]", Wire.V5, ReasonCode.ProtocolError);
        Wire.Refuse("82 [ 00 01 [ ] `a` 05 `$share/g/a` 04 ]", Wire.V5, ReasonCode.ProtocolError);
        Wire.Accept("82 [ 00 01 [ ] `a` 05 `$share/g/a` 01 ]", Wire.V5);
    }

    [Fact]
    [Clause("MQTT-3.8.3-2")]
    [Clause311("MQTT-3.8.3-3")]
    public void A_SUBSCRIBE_has_at_least_one_filter()
    {
        Wire.Refuse("82 02 00 01", Wire.V31, ReasonCode.ProtocolError);
        Wire.Refuse("82 02 00 01", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("82 03 00 01 00", Wire.V5, ReasonCode.ProtocolError);
    }

    [Fact]
    [Clause311("MQTT-2.3.1-1")]
    public void A_packet_identifier_is_not_0()
    {
        Wire.Refuse("82 06 00 00 00 01 'a' 00", Wire.V31, ReasonCode.ProtocolError);
        Wire.Refuse("82 06 00 00 00 01 'a' 00", Wire.V311, ReasonCode.ProtocolError);
        Wire.Refuse("82 07 00 00 00 00 01 'a' 00", Wire.V5, ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData("a#")]
    [InlineData("a/#/b")]
    [InlineData("+a")]
    [InlineData("$share/g")]
    [InlineData("$share/+/a")]
    public void An_ill_formed_filter_is_refused_wherever_it_stands(string filter)
    {
        Wire.Refuse($"82 [ 00 01 `{filter}` 00 ]", Wire.V311, ReasonCode.TopicFilterInvalid);
        Wire.Refuse($"82 [ 00 01 [ ] `a` 00 `{filter}` 00 ]", Wire.V5, ReasonCode.TopicFilterInvalid);
    }

    [Theory]
    [InlineData("", ProtocolVersion.Mqtt311)]
    [InlineData("00", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 00", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 00 02 'a'", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 `a`", ProtocolVersion.Mqtt311)]
    [InlineData("00 01 `a` 00 `b`", ProtocolVersion.Mqtt311)]
    [InlineData("00 01", ProtocolVersion.Mqtt50)]
    [InlineData("00 01 05", ProtocolVersion.Mqtt50)]
    [InlineData("00 01 [ 1F `no` ] `a` 00", ProtocolVersion.Mqtt50)]
    public void A_SUBSCRIBE_cut_short_or_with_a_foreign_property_is_malformed(string body, ProtocolVersion version) =>
        Wire.Refuse($"82 [ {body} ]", version, ReasonCode.MalformedPacket);

    [Theory]
    [InlineData("0B 00")]
    [InlineData("0B 01 0B 02")]
    public void A_subscription_identifier_is_single_and_not_0(string block) =>
        Wire.Refuse($"82 [ 00 01 [ {block} ] `a` 00 ]", Wire.V5, ReasonCode.ProtocolError);

    [Fact]
    public void A_payload_is_made_filter_by_filter()
    {
        byte[] payload = new byte[SubscribePacket.MeasureFilter("a/b"u8) + SubscribePacket.MeasureFilter("#"u8)];
        var writer = new PacketWriter(payload);
        SubscribePacket.EncodeFilter(ref writer, "a/b"u8, new SubscriptionOptions(QoS.AtLeastOnce));
        SubscribePacket.EncodeFilter(ref writer, "#"u8, new SubscriptionOptions(QoS.AtMostOnce));
        Assert.Equal(payload.Length, writer.Written);
        var packet = new SubscribePacket { PacketId = 1, EncodedFilters = payload };
        Assert.Equal(Bytes.Of("82 0C 00 01 00 03 'a/b' 01 00 01 '#' 00"), Wire.Write(packet, Wire.V311));
    }

    private static List<string> Filters(in SubscribePacket packet)
    {
        var filters = new List<string>();
        foreach (SubscriptionRequest request in packet.Filters)
        {
            filters.Add($"{Encoding.UTF8.GetString(request.Filter)} {request.Options.QoS}");
        }

        return filters;
    }
}
