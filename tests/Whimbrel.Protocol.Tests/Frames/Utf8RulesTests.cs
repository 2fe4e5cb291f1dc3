using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class Utf8RulesTests
{
    [Theory]
    [Clause("MQTT-1.5.4-1")]
    [Clause311("MQTT-1.5.3-1")]
    [InlineData("ED A0 80")] // U+D800
    [InlineData("ED AF BF")] // U+DBFF
    [InlineData("ED B0 80")] // U+DC00
    [InlineData("ED BF BF")] // U+DFFF
    [InlineData("ED A0 BD ED B8 80")] // a surrogate pair as two characters
    [InlineData("C0 80")] // U+0000 overlong
    [InlineData("C1 BF")]
    [InlineData("E0 9F BF")]
    [InlineData("F0 8F BF BF")]
    [InlineData("F4 90 80 80")] // beyond U+10FFFF
    [InlineData("F8 88 80 80 80")]
    [InlineData("80")]
    [InlineData("BF")]
    [InlineData("C3")]
    [InlineData("E2 82")]
    [InlineData("F0 9F 90")]
    [InlineData("C3 28")]
    [InlineData("FE")]
    [InlineData("FF")]
    [InlineData("61 C3 A9 FF")]
    public void Ill_formed_text_is_refused(string text) => Assert.False(Utf8Rules.IsValid(Bytes.Of(text)));

    [Theory]
    [Clause("MQTT-1.5.4-2")]
    [Clause311("MQTT-1.5.3-2")]
    [InlineData("00")]
    [InlineData("61 00 62")]
    [InlineData("61 62 63 64 65 66 67 68 69 6A 6B 6C 6D 6E 6F 70 71 72 00")]
    public void U0000_is_refused_anywhere(string text) => Assert.False(Utf8Rules.IsValid(Bytes.Of(text)));

    [Theory]
    [InlineData("")]
    [InlineData("'plain'")]
    [InlineData("01 1F 7F")] // control characters
    [InlineData("C2 80")] // U+0080
    [InlineData("DF BF E0 A0 80 ED 9F BF EE 80 80 EF BF BF")] // U+07FF U+0800 U+D7FF U+E000 U+FFFF
    [InlineData("EF B7 90 EF BF BE")] // non-characters U+FDD0 U+FFFE
    [InlineData("F0 90 80 80 F4 8F BF BF")] // U+10000 U+10FFFF
    [InlineData("41 F0 AA 9B 94")] // the specification's example
    public void Well_formed_text_is_accepted(string text) => Assert.True(Utf8Rules.IsValid(Bytes.Of(text)));

    [Fact]
    [Clause("MQTT-1.5.4-3")]
    [Clause311("MQTT-1.5.3-3")]
    public void A_byte_order_mark_is_a_character_and_stays()
    {
        byte[] packet = Bytes.Of("30 [ 00 08 EF BB BF 'a' EF BB BF 'b' ]");
        Assert.True(PublishPacket.TryParse(Wire.Cut(packet), Wire.V311, out PublishPacket publish, out _));
        Assert.Equal(Bytes.Of("EF BB BF 'a' EF BB BF 'b'"), publish.Topic);
        Assert.Equal(packet, Rewrite.Of(Wire.Cut(packet), Wire.V311));
        Assert.False(TopicFilter.Matches(Bytes.Of("'a' EF BB BF 'b'"), publish.Topic));
    }

    [Theory]
    [Clause("MQTT-1.5.4-1")]
    [Clause("MQTT-1.5.4-2")]
    [Clause("MQTT-3.1.3-4")]
    [Clause("MQTT-3.1.3-11")]
    [Clause("MQTT-3.1.3-12")]
    [Clause("MQTT-3.3.2-1")]
    [Clause("MQTT-3.8.3-1")]
    [Clause("MQTT-3.10.3-1")]
    [Clause311("MQTT-1.5.3-1")]
    [Clause311("MQTT-1.5.3-2")]
    [Clause311("MQTT-3.1.3-4")]
    [Clause311("MQTT-3.1.3-10")]
    [Clause311("MQTT-3.1.3-11")]
    [Clause311("MQTT-3.3.2-1")]
    [Clause311("MQTT-3.8.3-1")]
    [Clause311("MQTT-3.10.3-1")]
    [InlineData("10 [ `MQTT` 04 02 00 00 00 01 ? ]", "10 [ `MQTT` 05 02 00 00 [ ] 00 01 ? ]")] // client identifier
    [InlineData("10 [ `MQTT` 04 06 00 00 `id` 00 01 ? `x` ]", "10 [ `MQTT` 05 06 00 00 [ ] `id` [ ] 00 01 ? `x` ]")] // will topic
    [InlineData("10 [ `MQTT` 04 82 00 00 `id` 00 01 ? ]", "10 [ `MQTT` 05 82 00 00 [ ] `id` 00 01 ? ]")] // user name
    [InlineData("30 [ 00 01 ? ]", "30 [ 00 01 ? [ ] ]")] // topic name
    [InlineData("82 [ 00 01 00 01 ? 00 ]", "82 [ 00 01 [ ] 00 01 ? 00 ]")]
    [InlineData("A2 [ 00 01 00 01 ? ]", "A2 [ 00 01 [ ] 00 01 ? ]")]
    public void Every_text_field_of_a_packet_is_held_to_the_rules(string packet3, string packet5)
    {
        foreach (string wrong in new[] { "00", "80", "FF", "C0" })
        {
            Wire.Refuse(packet3.Replace("?", wrong), Wire.V311, ReasonCode.MalformedPacket);
            Wire.Refuse(packet5.Replace("?", wrong), Wire.V5, ReasonCode.MalformedPacket);
        }

        Wire.Accept(packet3.Replace("?", "'a'"), Wire.V311);
        Wire.Accept(packet5.Replace("?", "'a'"), Wire.V5);
    }

    [Fact]
    public void Random_bytes_are_judged_as_a_decoder_by_hand_judges_them()
    {
        var random = new Random(154);
        byte[] heads = [0x00, 0x41, 0x7F, 0x80, 0xA0, 0xBF, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5];
        for (int i = 0; i < 50_000; i++)
        {
            byte[] text = new byte[random.Next(1, 7)];
            for (int j = 0; j < text.Length; j++)
            {
                text[j] = random.Next(3) == 0 ? (byte)random.Next(256) : heads[random.Next(heads.Length)];
            }

            Assert.True(IsAcceptable(text) == Utf8Rules.IsValid(text), Bytes.Show(text));
        }
    }

    /// <summary>Decodes character by character.</summary>
    private static bool IsAcceptable(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            int length = text[0] switch { < 0x80 => 1, >= 0xC2 and < 0xE0 => 2, >= 0xE0 and < 0xF0 => 3, >= 0xF0 and < 0xF5 => 4, _ => 0 };
            if (length == 0 || length > text.Length)
            {
                return false;
            }

            int point = length == 1 ? text[0] : text[0] & (0x7F >> length);
            foreach (byte next in text[1..length])
            {
                if ((next & 0xC0) != 0x80)
                {
                    return false;
                }

                point = (point << 6) | (next & 0x3F);
            }

            int least = length switch { 3 => 0x800, 4 => 0x10000, _ => 1 };
            if (point < least || point > 0x10FFFF || point is >= 0xD800 and <= 0xDFFF)
            {
                return false;
            }

            Assert.Equal(new Rune(point).ToString(), Encoding.UTF8.GetString(text[..length]));
            text = text[length..];
        }

        return true;
    }
}
