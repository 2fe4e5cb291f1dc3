using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class TopicNameTests
{
    [Theory]
    [InlineData("'a'")]
    [InlineData("'/'")]
    [InlineData("'//'")]
    [InlineData("'/finance'")]
    [InlineData("'Accounts payable'")]
    [InlineData("'$SYS/x'")]
    [InlineData("'a' C3 A9 '/' EF BB BF")]
    [InlineData("01")]
    public void A_name_may_have_any_other_character(string name) => Assert.True(TopicName.IsValid(Bytes.Of(name)));

    [Theory]
    [Clause("MQTT-3.3.2-2")]
    [Clause("MQTT-4.7.0-1")]
    [Clause311("MQTT-3.3.2-2")]
    [Clause311("MQTT-4.7.1-1")]
    [InlineData("'#'")]
    [InlineData("'+'")]
    [InlineData("'a/#'")]
    [InlineData("'a/+/b'")]
    [InlineData("'a+'")]
    [InlineData("'#a'")]
    public void A_name_has_no_wildcard(string name)
    {
        byte[] bytes = Bytes.Of(name);
        Assert.False(TopicName.IsValid(bytes));
        byte[] body = [0, (byte)bytes.Length, .. bytes];
        Assert.Equal(ReasonCode.TopicNameInvalid, Wire.Judge(Bytes.Packet(0x30, body), Wire.V31).Reason);
        Assert.Equal(ReasonCode.TopicNameInvalid, Wire.Judge(Bytes.Packet(0x30, body), Wire.V311).Reason);
        Assert.Equal(ReasonCode.TopicNameInvalid, Wire.Judge(Bytes.Packet(0x30, [.. body, 0]), Wire.V5).Reason);
    }

    [Fact]
    [Clause("MQTT-4.7.3-1")]
    [Clause311("MQTT-4.7.3-1")]
    public void A_name_has_at_least_one_character()
    {
        Assert.False(TopicName.IsValid([]));
        Wire.Refuse("30 [ `` ]", Wire.V311, ReasonCode.TopicNameInvalid);
    }

    [Fact]
    [Clause("MQTT-4.7.3-2")]
    [Clause311("MQTT-4.7.3-2")]
    public void A_name_has_no_null_character()
    {
        Assert.False(TopicName.IsValid(Bytes.Of("'a' 00 'b'")));
        Assert.False(TopicName.IsValid([0]));
    }

    [Fact]
    [Clause("MQTT-4.7.3-3")]
    [Clause311("MQTT-4.7.3-3")]
    public void A_name_has_at_most_65535_bytes()
    {
        Assert.True(TopicName.IsValid(Bytes.Text(65_535)));
        Assert.False(TopicName.IsValid(Bytes.Text(65_536)));
    }

    [Theory]
    [InlineData("a/b/c", "a|b|c")]
    [InlineData("a", "a")]
    [InlineData("", "")]
    [InlineData("/", "|")]
    [InlineData("/a", "|a")]
    [InlineData("a/", "a|")]
    [InlineData("//", "||")]
    [InlineData("+/#", "+|#")]
    public void Levels_are_what_stands_between_slashes(string topic, string levels)
    {
        var seen = new List<string>();
        foreach (ReadOnlySpan<byte> level in new TopicLevels(System.Text.Encoding.UTF8.GetBytes(topic)))
        {
            seen.Add(System.Text.Encoding.UTF8.GetString(level));
        }

        Assert.Equal(levels.Split('|'), seen);
    }
}
