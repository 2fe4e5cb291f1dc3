using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>What is taken from a block as a whole: user properties, forwardable properties, subscription identifiers.</summary>
public class PropertyBlockTests
{
    [Fact]
    [Clause("MQTT-3.3.2-18")]
    public void User_properties_come_in_their_order_and_others_are_passed_over()
    {
        byte[] block = Bytes.Of("26 `b` `1` 01 00 26 `a` `2` 03 `text` 26 `b` `1` 26 `` ``");
        var seen = new List<string>();
        foreach (UserProperty property in new UserProperties(block))
        {
            (ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) = property;
            seen.Add($"{Encoding.UTF8.GetString(name)}={Encoding.UTF8.GetString(value)}");
        }

        Assert.Equal(["b=1", "a=2", "b=1", "="], seen);
    }

    [Fact]
    public void A_block_without_user_properties_has_none()
    {
        foreach (string block in new[] { "", "01 01", "FF", "26 00", "26 `k` 00 05 'v'" })
        {
            foreach (UserProperty property in new UserProperties(Bytes.Of(block)))
            {
                Assert.Fail(Bytes.Show(property.Name));
            }
        }
    }

    [Fact]
    public void User_properties_are_encoded_as_they_are_read()
    {
        byte[] block = UserProperties.Encode(
            KeyValuePair.Create("name", "value"),
            KeyValuePair.Create("name", "\u00e9\U0001F426"),
            KeyValuePair.Create("", ""));
        Assert.Equal(Bytes.Of("26 `name` `value` 26 `name` 00 06 C3 A9 F0 9F 90 A6 26 `` ``"), block);
        Assert.Empty(UserProperties.Encode());
    }

    [Fact]
    public void User_properties_that_no_packet_can_carry_are_not_encoded()
    {
        Assert.Throws<ArgumentException>(() => UserProperties.Encode(KeyValuePair.Create("a\0", "b")));
        Assert.Throws<ArgumentException>(() => UserProperties.Encode(KeyValuePair.Create("a", "\0")));
        Assert.Throws<ArgumentException>(() => UserProperties.Encode(KeyValuePair.Create("a", new string('x', 65_536))));
        Assert.ThrowsAny<ArgumentException>(() => UserProperties.Encode(KeyValuePair.Create("\ud800", "b")));
        Assert.Equal(5 + 1 + 65_535, UserProperties.Encode(KeyValuePair.Create("a", new string('x', 65_535))).Length);
    }

    [Theory]
    [Clause("MQTT-3.1.3-10")]
    [Clause("MQTT-3.3.2-4")]
    [Clause("MQTT-3.3.2-15")]
    [Clause("MQTT-3.3.2-16")]
    [Clause("MQTT-3.3.2-17")]
    [Clause("MQTT-3.3.2-18")]
    [Clause("MQTT-3.3.2-20")]
    [InlineData("", "")]
    [InlineData("23 00 05 02 00 00 00 3C 0B 05", "")]
    [InlineData("26 `b` `1` 26 `a` `2`", "26 `b` `1` 26 `a` `2`")]
    [InlineData(
        "0B 01 26 `b` `1` 09 00 01 00 23 00 05 08 `r` 02 00 00 00 3C 03 `t` 0B 80 01 01 01 26 `a` `2`",
        "26 `b` `1` 09 00 01 00 08 `r` 03 `t` 01 01 26 `a` `2`")]
    [InlineData("18 00 00 00 01 01 00 02 00 00 00 09 26 `k` `v`", "01 00 26 `k` `v`")]
    public void What_a_server_passes_on_is_kept_unaltered_and_in_order(string block, string kept)
    {
        byte[] bytes = new byte[ForwardableProperties.Measure(Bytes.Of(block))];
        Assert.Equal(bytes.Length, ForwardableProperties.Write(Bytes.Of(block), bytes));
        Assert.Equal(Bytes.Of(kept), bytes);
    }

    [Fact]
    public void A_writer_measures_what_it_writes()
    {
        PropertyWriter measuring = default;
        Add(ref measuring);
        byte[] bytes = new byte[measuring.Length];
        var writing = new PropertyWriter(bytes);
        Add(ref writing);
        Assert.Equal(bytes.Length, writing.Length);
        Assert.Equal(Bytes.Of("01 01 13 00 3C 11 00 00 00 0A 0B 80 01 03 `t` 09 `` 26 `k` `v` 25 00"), bytes);

        static void Add(ref PropertyWriter writer)
        {
            writer.Add(PropertyId.PayloadFormatIndicator, 1);
            writer.Add(PropertyId.ServerKeepAlive, 60);
            writer.Add(PropertyId.SessionExpiryInterval, 10);
            writer.Add(PropertyId.SubscriptionIdentifier, 128);
            writer.Add(PropertyId.ContentType, "t"u8);
            writer.Add(PropertyId.CorrelationData, ReadOnlySpan<byte>.Empty);
            writer.AddUserProperty("k"u8, "v"u8);
            writer.AddEncoded([0x25, 0x00]);
        }
    }
}
