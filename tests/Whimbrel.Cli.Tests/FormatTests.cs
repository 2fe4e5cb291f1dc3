using Whimbrel.Cli.Messages;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

public class FormatTests
{
    private static readonly Sample Full = new()
    {
        TopicAlias = 9,
        Expiry = 60,
        SubscriptionIds = [5, 300],
        IsText = true,
        Texts = [(PropertyId.ContentType, "text/plain"u8.ToArray()), (PropertyId.ResponseTopic, "re/ply"u8.ToArray()), (PropertyId.CorrelationData, "\x01z"u8.ToArray())],
        UserProperties = [("k", "v"), ("x", "y"), ("k", "w")],
    };

    [Theory]
    [InlineData("%t %p", "home/kitchen 21.5")]
    [InlineData("%q|%r|%m|%l", "1|0|77|4")]
    [InlineData("%x|%X", "32312e35|32312E35")]
    [InlineData("100%%", "100%")]
    [InlineData("a@@b", "a@b")]
    [InlineData("%A|%C|%E|%F|%R|%S", "9|text/plain|60|1|re/ply|5 300")]
    [InlineData("%P", "k:v x:y k:w")]
    [InlineData("%D", "\u0001z")]
    [InlineData("%I", "2024-02-09T15:04:05+0130")]
    [InlineData("%U", "1707485645.678000000")]
    [InlineData("", "")]
    [InlineData(@"\\\t\n\r\a\v\e\0.", "\\\t\n\r\a\v\e\0.")]
    public void A_field_is_what_mosquitto_has_there(string format, string expected) => Assert.Equal(expected, Full.In(format));

    [Theory]
    [InlineData("%A|%C|%E|%F|%R|%S|%P|%D|")]
    public void A_property_that_is_absent_is_empty(string format) => Assert.Equal("||||||||", new Sample().In(format));

    [Theory]
    [InlineData("%20t|", "        home/kitchen|")]
    [InlineData("%-20t|", "home/kitchen        |")]
    [InlineData("%.4t|", "home|")]
    [InlineData("%6.4t|", "  home|")]
    [InlineData("%-6.4t|", "home  |")]
    [InlineData("%5l|%05l|%-5l|", "    4|00004|4    |")]
    [InlineData("%-05l|", "4    |")]
    [InlineData("%10p|", "      21.5|")]
    [InlineData("%012x|", "000032312e35|")]
    [InlineData("%12C|", "  text/plain|")]
    [InlineData("%05E|%03A|%03F", "00060|009|001")]
    [InlineData("%2t", "home/kitchen")]
    public void Width_alignment_and_maximum_work(string format, string expected) => Assert.Equal(expected, Full.In(format));

    [Fact]
    public void A_width_pads_an_absent_property_too() => Assert.Equal("     |", new Sample().In("%5C|"));

    [Theory]
    [InlineData("%z", "there is no field '%z' in '%z'")]
    [InlineData("a%", "the format ends after '%'")]
    [InlineData("%-5", "'%-5' names no field")]
    [InlineData("\\q", "there is no escape '\\q'")]
    [InlineData("@!", "there is no time conversion '@!'")]
    [InlineData("%5j", "'%j' takes no width: '%5j'")]
    [InlineData("%99999t", "the width '99999' is not below 10000")]
    public void A_wrong_sequence_is_named(string format, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => MessageFormat.Parse(format)).Message);

    [Theory]
    [InlineData("21.456", "%.2d", "21.46")]
    [InlineData("7", "%d", "7")]
    [InlineData("nothing", "%d|", "|")]
    public void A_payload_of_digits_is_a_number(string payload, string format, string expected) =>
        Assert.Equal(expected, new Sample { Payload = System.Text.Encoding.UTF8.GetBytes(payload) }.In(format));

    [Fact]
    public void A_payload_of_eight_or_four_bytes_is_a_number_in_this_machine_s_order()
    {
        Assert.Equal("2.50", new Sample { Payload = BitConverter.GetBytes(2.5) }.In("%.2d"));
        Assert.Equal("-0.5", new Sample { Payload = BitConverter.GetBytes(-0.5f) }.In("%f"));
    }

    [Theory]
    [InlineData("@Y-@m-@d @H:@M:@S", "2024-02-09 15:04:05")]
    [InlineData("@F @T @D @R @r", "2024-02-09 15:04:05 02/09/24 15:04 03:04:05 PM")]
    [InlineData("@a @A @b @B @h", "Fri Friday Feb February Feb")]
    [InlineData("@c|@x|@X", "Fri Feb  9 15:04:05 2024|02/09/24|15:04:05")]
    [InlineData("@C @y @e|@k|@l|@I @p @P", "20 24  9|15| 3|03 PM pm")]
    [InlineData("@j @u @w @U @W @V @G @g", "040 5 5 05 06 06 2024 24")]
    [InlineData("@s @N @z", "1707485645 678000000 +0130")]
    [InlineData("@n@t@%", "\n\t%")]
    public void A_time_is_what_strftime_has_there(string format, string expected) => Assert.Equal(expected, Full.In(format));

    [Theory]
    [InlineData(2024, 1, 1, "00 01 01 1")]
    [InlineData(2023, 1, 1, "01 00 52 7")]
    [InlineData(2021, 1, 3, "01 00 53 7")]
    [InlineData(2020, 12, 31, "52 52 53 4")]
    public void Weeks_are_counted_as_strftime_counts_them(int year, int month, int day, string expected) =>
        Assert.Equal(expected, new Sample { At = new DateTimeOffset(year, month, day, 12, 0, 0, TimeSpan.Zero) }.In("@U @W @V @u"));
}
