namespace Whimbrel.Protocol.Tests;

/// <summary>The corpus is what it claims to be; the other tests start from it.</summary>
public class CorpusTests
{
    [Fact]
    public void Every_packet_of_the_corpus_is_accepted_by_its_version()
    {
        foreach (string packet in Corpus.Version3)
        {
            Wire.Accept(packet, Wire.V31);
            Wire.Accept(packet, Wire.V311);
        }

        foreach (string packet in Corpus.Version5)
        {
            Wire.Accept(packet, Wire.V5);
        }
    }

    [Fact]
    public void What_was_read_can_be_written_again_in_no_more_bytes()
    {
        foreach (string text in Corpus.Version3)
        {
            byte[] packet = Bytes.Of(text);
            Assert.Equal(packet, Rewrite.Of(Wire.Cut(packet), Wire.V311));
        }

        foreach (string text in Corpus.Version5)
        {
            byte[] packet = Bytes.Of(text);
            byte[]? again = Rewrite.Of(Wire.Cut(packet), Wire.V5);
            Assert.NotNull(again);
            Assert.True(again.Length <= packet.Length);
        }
    }

    [Fact]
    public void A_packet_cut_short_anywhere_is_refused_unless_a_shorter_form_exists()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            foreach (string text in version == Wire.V5 ? Corpus.Version5 : Corpus.Version3)
            {
                byte[] packet = Bytes.Of(text);
                byte[] body = Wire.Cut(packet).Body.ToArray();
                for (int length = 0; length < body.Length; length++)
                {
                    byte[] cut = Bytes.Packet(packet[0], body[..length]);
                    if (Wire.Judge(cut, version).IsNone)
                    {
                        Assert.True(MayEnd(packet, body, length, version), $"{text} cut to {length}");
                        Assert.NotNull(Rewrite.Of(Wire.Cut(cut), version));
                    }
                }
            }
        }
    }

    [Fact]
    public void A_packet_is_refused_with_bytes_after_its_end_unless_they_are_payload()
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            foreach (string text in version == Wire.V5 ? Corpus.Version5 : Corpus.Version3)
            {
                byte[] packet = Bytes.Of(text);
                Frame frame = Wire.Cut(packet);
                bool isOpen = frame.Type is PacketType.Publish or PacketType.SubAck
                    || (version == Wire.V5 && frame.Type is PacketType.UnsubAck)
                    || (version == Wire.V5 && frame.Body.Length <= 3 && frame.Type is not PacketType.ConnAck)
                    || (version == Wire.V31 && frame.Type is PacketType.Connect);
                if (!isOpen)
                {
                    Assert.False(Wire.Judge(Bytes.Packet(packet[0], [.. frame.Body, 0x00]), version).IsNone, text);
                }
            }
        }
    }

    /// <summary>A payload may end anywhere, a list after any item, and short forms leave their end out.</summary>
    private static bool MayEnd(byte[] packet, byte[] body, int length, ProtocolVersion version) => (PacketType)(packet[0] >> 4) switch
    {
        PacketType.Connect => body[1] == 6, // MQIsdp: announced credentials may lack
        PacketType.Publish or PacketType.Subscribe or PacketType.Unsubscribe or PacketType.SubAck => length > 2,
        PacketType.UnsubAck => version == Wire.V5 && length > 3,
        PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp => version == Wire.V5 && length is 2 or 3,
        PacketType.Disconnect => version == Wire.V5 && length < 2,
        PacketType.Auth => length == 0,
        _ => false,
    };
}
