using System.Buffers;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class FrameReaderTests
{
    [Fact]
    public void A_packet_is_cut_into_type_flags_and_body()
    {
        byte[] buffer = Bytes.Of("3D 05 00 01 'a' 00 07 C0 00");
        FrameStatus status = FrameReader.TryRead(buffer, uint.MaxValue, out Frame frame, out int length, out Violation violation);
        Assert.Equal(FrameStatus.Complete, status);
        Assert.True(violation.IsNone);
        Assert.Equal(7, length);
        Assert.Equal(7, frame.Length);
        Assert.Equal(PacketType.Publish, frame.Type);
        Assert.Equal(0x0D, frame.Flags);
        Assert.Equal(Bytes.Of("00 01 'a' 00 07"), frame.Body);

        status = FrameReader.TryRead(buffer.AsSpan(length), uint.MaxValue, out frame, out length, out _);
        Assert.Equal(FrameStatus.Complete, status);
        Assert.Equal(PacketType.PingReq, frame.Type);
        Assert.True(frame.Body.IsEmpty);
        Assert.Equal(2, length);
    }

    [Fact]
    public void Nothing_at_all_needs_more()
    {
        Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead([], 100, out Frame frame, out int length, out Violation violation));
        Assert.Equal(0, length);
        Assert.Equal(0, frame.Length);
        Assert.True(violation.IsNone);
        ReadOnlySequence<byte> none = ReadOnlySequence<byte>.Empty;
        Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead(none, 100, out _, out length, out violation));
        Assert.Equal(0, length);
        Assert.True(violation.IsNone);
    }

    [Fact]
    public void Every_split_of_every_packet_needs_more_and_then_gives_the_same_packet()
    {
        foreach (string text in Corpus.Version3.Concat(Corpus.Version5))
        {
            byte[] packet = Bytes.Of(text);
            for (int split = 0; split < packet.Length; split++)
            {
                ReadOnlySpan<byte> part = packet.AsSpan(0, split);
                FrameStatus status = FrameReader.TryRead(part, uint.MaxValue, out _, out int length, out Violation violation);
                Assert.Equal(FrameStatus.NeedMore, status);
                Assert.Equal(split < 2 ? 0 : packet.Length, length);
                Assert.True(violation.IsNone);

                ReadOnlySequence<byte> partSequence = Segments.Of(packet[..split]);
                Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead(partSequence, uint.MaxValue, out _, out length, out _));
                Assert.Equal(split < 2 ? 0 : packet.Length, length);

                ReadOnlySequence<byte> whole = Segments.Of(packet[..split], [.. packet[split..], 0xC0, 0x00]);
                status = FrameReader.TryRead(whole, uint.MaxValue, out ReadOnlySequence<byte> frame, out length, out _);
                Assert.Equal(FrameStatus.Complete, status);
                Assert.Equal(packet.Length, length);
                Assert.Equal(packet, frame.ToArray());
            }
        }
    }

    [Fact]
    public void A_packet_in_segments_of_one_byte_is_one_packet()
    {
        byte[] packet = Bytes.Packet(0x30, [0, 1, (byte)'a', .. Bytes.Text(20_000)]);
        byte[][] pieces = [.. packet.Select(b => new[] { b })];
        ReadOnlySequence<byte> buffer = Segments.Of(pieces);
        FrameStatus status = FrameReader.TryRead(buffer, uint.MaxValue, out ReadOnlySequence<byte> frame, out int length, out _);
        Assert.Equal(FrameStatus.Complete, status);
        Assert.Equal(packet.Length, length);
        Assert.Equal(packet, frame.ToArray());
    }

    [Theory]
    [InlineData(0, "30 00")]
    [InlineData(127, "30 7F")]
    [InlineData(128, "30 80 01")]
    [InlineData(16_383, "30 FF 7F")]
    [InlineData(16_384, "30 80 80 01")]
    [InlineData(2_097_151, "30 FF FF 7F")]
    [InlineData(2_097_152, "30 80 80 80 01")]
    [InlineData(268_435_455, "30 FF FF FF 7F")]
    public void The_length_is_known_when_the_header_is(int remaining, string header)
    {
        byte[] head = Bytes.Of(header);
        for (int split = 0; split < head.Length; split++)
        {
            Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead(head.AsSpan(0, split), uint.MaxValue, out _, out int early, out _));
            Assert.Equal(0, early);
        }

        FrameStatus status = FrameReader.TryRead(head, uint.MaxValue, out _, out int length, out _);
        Assert.Equal(remaining == 0 ? FrameStatus.Complete : FrameStatus.NeedMore, status);
        Assert.Equal(head.Length + remaining, length);
    }

    [Theory]
    [Clause("MQTT-1.5.5-1")]
    [InlineData("30 80 00")]
    [InlineData("30 FF 00")]
    [InlineData("30 80 80 00")]
    [InlineData("30 FF FF 80 00")]
    [InlineData("30 80 80 80 00")]
    public void A_remaining_length_in_more_bytes_than_needed_is_malformed(string header) => RefuseEverywhere(header);

    [Theory]
    [InlineData("30 80 80 80 80")]
    [InlineData("30 FF FF FF FF")]
    [InlineData("30 FF FF FF FF 7F")]
    public void A_remaining_length_of_five_bytes_is_malformed_at_its_fourth(string header) => RefuseEverywhere(header);

    [Theory]
    [InlineData("00")]
    [InlineData("0F")]
    [InlineData("00 00")]
    public void Packet_type_0_is_malformed_at_its_first_byte(string header) => RefuseEverywhere(header);

    [Fact]
    [Clause("MQTT-2.1.3-1")]
    [Clause("MQTT-3.6.1-1")]
    [Clause("MQTT-3.8.1-1")]
    [Clause("MQTT-3.10.1-1")]
    [Clause("MQTT-3.14.1-1")]
    [Clause("MQTT-3.15.1-1")]
    [Clause311("MQTT-2.2.2-1")]
    [Clause311("MQTT-2.2.2-2")]
    [Clause311("MQTT-3.6.1-1")]
    [Clause311("MQTT-3.8.1-1")]
    [Clause311("MQTT-3.10.1-1")]
    [Clause311("MQTT-3.14.1-1")]
    public void Reserved_flags_other_than_those_of_the_table_are_refused_for_every_type()
    {
        foreach (ProtocolVersion version in new[] { Wire.V311, Wire.V5 })
        {
            foreach (string text in version == Wire.V5 ? Corpus.Version5 : Corpus.Version3)
            {
                byte[] packet = Bytes.Of(text);
                var type = (PacketType)(packet[0] >> 4);
                int right = type is PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe ? 0x02 : 0x00;
                for (int flags = 0; flags < 16 && type != PacketType.Publish; flags++)
                {
                    packet[0] = (byte)(((int)type << 4) | flags);
                    Violation violation = Wire.Judge(packet, version);
                    Assert.Equal(flags == right ? default : ReasonCode.MalformedPacket, violation.Reason);
                    Assert.Equal(flags == right, violation.IsNone);
                }
            }
        }
    }

    [Theory]
    [InlineData("62 02 00 01", "6A 02 00 01")]
    [InlineData("82 06 00 01 00 01 'a' 00", "8A 06 00 01 00 01 'a' 00")]
    [InlineData("A2 05 00 01 00 01 'a'", "AA 05 00 01 00 01 'a'")]
    public void MQTT_31_sends_its_requests_again_with_DUP(string first, string again)
    {
        Wire.Accept(first, Wire.V31);
        Wire.Accept(again, Wire.V31);
        Wire.Refuse(again, Wire.V311, ReasonCode.MalformedPacket);
        Wire.Refuse(again, Wire.V5, ReasonCode.MalformedPacket);
    }

    [Fact]
    [Clause("MQTT-3.3.1-4")]
    [Clause311("MQTT-3.3.1-4")]
    public void PUBLISH_may_have_any_flags_but_QoS_3()
    {
        for (int flags = 0; flags < 16; flags++)
        {
            byte[] head = [(byte)(0x30 | flags)];
            bool isQoS3 = (flags & 0x06) == 0x06;
            Assert.Equal(isQoS3 ? FrameStatus.Malformed : FrameStatus.NeedMore, FrameReader.TryRead(head, 100, out _, out _, out _));
        }

        var frame = new Frame(PacketType.Publish, 0x06, Bytes.Of("`a` 00 01"), 7);
        Assert.False(PublishPacket.TryParse(frame, Wire.V311, out _, out Violation violation));
        Assert.Equal(ReasonCode.MalformedPacket, violation.Reason);
    }

    [Fact]
    public void A_packet_of_exactly_the_maximum_size_passes_and_one_byte_more_is_refused_before_its_body()
    {
        byte[] header = Bytes.Of("30 64");
        Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead(header, 102, out _, out int length, out _));
        Assert.Equal(102, length);
        Assert.Equal(FrameStatus.Malformed, FrameReader.TryRead(header, 101, out Frame frame, out length, out Violation violation));
        Assert.Equal(ReasonCode.PacketTooLarge, violation.Reason);
        Assert.Equal(102, length);
        Assert.Equal(0, frame.Length);

        ReadOnlySequence<byte> buffer = Segments.Of([0x30], [0x64]);
        Assert.Equal(FrameStatus.NeedMore, FrameReader.TryRead(buffer, 102, out _, out _, out _));
        Assert.Equal(FrameStatus.Malformed, FrameReader.TryRead(buffer, 101, out _, out _, out violation));
        Assert.Equal(ReasonCode.PacketTooLarge, violation.Reason);
    }

    [Fact]
    public void A_packet_handed_to_the_parser_of_another_type_does_no_harm()
    {
        foreach (string text in Corpus.Version3.Concat(Corpus.Version5))
        {
            byte[] packet = Bytes.Of(text);
            Frame frame = Wire.Cut(packet);
            for (PacketType type = PacketType.Connect; type <= PacketType.Auth; type++)
            {
                var disguised = new Frame(type, frame.Flags, frame.Body, frame.Length);
                foreach (ProtocolVersion version in Wire.Versions)
                {
                    bool isParsed = Wire.TryParse(disguised, version, out Violation verdict);
                    Assert.Equal(isParsed, verdict.IsNone);
                }
            }

            if (frame.Type != PacketType.Connect)
            {
                Assert.False(ConnectPacket.TryParse(frame, out _, out Violation violation));
                Assert.Equal(ReasonCode.MalformedPacket, violation.Reason);
            }
        }
    }

    private static void RefuseEverywhere(string header)
    {
        byte[] bytes = Bytes.Of(header);
        FrameStatus status = FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out Violation violation);
        Assert.Equal(FrameStatus.Malformed, status);
        Assert.Equal(ReasonCode.MalformedPacket, violation.Reason);
        Assert.Equal(0, length);
        Assert.Equal(0, frame.Length);
        for (int split = 0; split <= bytes.Length; split++)
        {
            ReadOnlySequence<byte> buffer = Segments.Of(bytes[..split], bytes[split..]);
            Assert.Equal(FrameStatus.Malformed, FrameReader.TryRead(buffer, uint.MaxValue, out _, out _, out violation));
            Assert.Equal(ReasonCode.MalformedPacket, violation.Reason);
        }
    }
}
