using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class TopicFilterTests
{
    [Theory]
    [Clause("MQTT-4.7.1-1")]
    [Clause311("MQTT-4.7.1-2")]
    [InlineData("#", true)]
    [InlineData("/#", true)]
    [InlineData("sport/tennis/#", true)]
    [InlineData("sport/tennis#", false)]
    [InlineData("sport/tennis/#/ranking", false)]
    [InlineData("##", false)]
    [InlineData("#/", false)]
    [InlineData("#a", false)]
    [InlineData("a/#b", false)]
    [InlineData("#/#", false)]
    [InlineData("+#", false)]
    [InlineData("#+", false)]
    public void The_multi_level_wildcard_is_the_whole_last_level(string filter, bool isValid) => Expect(filter, isValid);

    [Theory]
    [Clause("MQTT-4.7.1-2")]
    [Clause311("MQTT-4.7.1-3")]
    [InlineData("+", true)]
    [InlineData("/+", true)]
    [InlineData("+/", true)]
    [InlineData("+/+", true)]
    [InlineData("+/tennis/#", true)]
    [InlineData("sport/+/player1", true)]
    [InlineData("+/+/+/+", true)]
    [InlineData("sport+", false)]
    [InlineData("+sport", false)]
    [InlineData("a/b+/c", false)]
    [InlineData("a/+b/c", false)]
    [InlineData("++", false)]
    [InlineData("a/++", false)]
    public void The_single_level_wildcard_is_a_whole_level(string filter, bool isValid) => Expect(filter, isValid);

    [Theory]
    [InlineData("a/b", false)]
    [InlineData("$SYS/x", false)]
    [InlineData("/", false)]
    [InlineData("a/+", true)]
    [InlineData("#", true)]
    [InlineData("$share/g/a", false)]
    [InlineData("$share/g/+", true)]
    public void It_is_known_whether_a_filter_has_wildcards(string filter, bool hasWildcards)
    {
        Assert.True(TopicFilter.TryParse(Encoding.UTF8.GetBytes(filter), out TopicFilter parsed));
        Assert.Equal(hasWildcards, parsed.HasWildcards);
    }

    [Fact]
    [Clause("MQTT-4.7.3-1")]
    [Clause("MQTT-4.7.3-2")]
    [Clause("MQTT-4.7.3-3")]
    [Clause311("MQTT-4.7.3-1")]
    [Clause311("MQTT-4.7.3-2")]
    [Clause311("MQTT-4.7.3-3")]
    public void A_filter_has_1_to_65535_bytes_and_no_null_character()
    {
        Assert.False(TopicFilter.TryParse([], out _));
        Assert.False(TopicFilter.TryParse(Bytes.Of("'a' 00"), out _));
        Assert.True(TopicFilter.TryParse(Bytes.Text(65_535), out _));
        Assert.False(TopicFilter.TryParse(Bytes.Text(65_536), out _));
        Wire.Refuse("82 [ 00 01 `` 00 ]", Wire.V311, ReasonCode.TopicFilterInvalid);
        Wire.Refuse("82 [ 00 01 [ ] `` 00 ]", Wire.V5, ReasonCode.TopicFilterInvalid);
        Wire.Refuse("A2 [ 00 01 `` ]", Wire.V311, ReasonCode.TopicFilterInvalid);
        Wire.Refuse("A2 [ 00 01 [ ] `` ]", Wire.V5, ReasonCode.TopicFilterInvalid);
    }

    [Theory]
    [Clause("MQTT-4.8.2-1")]
    [Clause("MQTT-4.8.2-2")]
    [InlineData("$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+")]
    [InlineData("$share/g//finance", "g", "/finance")]
    [InlineData("$share/g/#", "g", "#")]
    [InlineData("$share/g//", "g", "/")]
    [InlineData("$share/$share/$share/g/a", "$share", "$share/g/a")]
    public void A_shared_filter_has_a_name_and_a_pattern(string filter, string name, string pattern)
    {
        Assert.True(TopicFilter.TryParse(Encoding.UTF8.GetBytes(filter), out TopicFilter parsed));
        Assert.True(parsed.IsShared);
        Assert.Equal(name, Encoding.UTF8.GetString(parsed.ShareName));
        Assert.Equal(pattern, Encoding.UTF8.GetString(parsed.Pattern));
    }

    [Theory]
    [Clause("MQTT-4.8.2-1")]
    [Clause("MQTT-4.8.2-2")]
    [InlineData("$share/")]
    [InlineData("$share//a")]
    [InlineData("$share/g")]
    [InlineData("$share/g/")]
    [InlineData("$share/+/a")]
    [InlineData("$share/#/a")]
    [InlineData("$share/g+/a")]
    [InlineData("$share/a#b/c")]
    [InlineData("$share/#")]
    [InlineData("$share/+")]
    [InlineData("$share/g/a#")]
    [InlineData("$share/g/#/a")]
    public void A_shared_filter_without_a_right_name_or_pattern_is_refused(string filter) => Expect(filter, false);

    [Theory]
    [InlineData("$share")]
    [InlineData("$shared/g/a")]
    [InlineData("$Share/g/a")]
    [InlineData("/$share/g/a")]
    [InlineData("share/g/a")]
    public void Another_beginning_is_an_ordinary_filter(string filter)
    {
        Assert.True(TopicFilter.TryParse(Encoding.UTF8.GetBytes(filter), out TopicFilter parsed));
        Assert.False(parsed.IsShared);
        Assert.True(parsed.ShareName.IsEmpty);
        Assert.Equal(filter, Encoding.UTF8.GetString(parsed.Pattern));
    }

    [Fact]
    public void Random_filters_are_judged_as_level_by_level()
    {
        var random = new Random(471);
        const string alphabet = "a/+#b/";
        for (int i = 0; i < 50_000; i++)
        {
            char[] letters = new char[random.Next(1, 9)];
            for (int j = 0; j < letters.Length; j++)
            {
                letters[j] = alphabet[random.Next(alphabet.Length)];
            }

            string filter = new(letters);
            string[] levels = filter.Split('/');
            bool isValid = true;
            for (int j = 0; j < levels.Length; j++)
            {
                bool isHash = levels[j] == "#" && j == levels.Length - 1;
                isValid &= isHash || levels[j] == "+" || !levels[j].AsSpan().ContainsAny('+', '#');
            }

            Expect(filter, isValid);
            Expect("$share/g/" + filter, isValid);
        }
    }

    private static void Expect(string filter, bool isValid) =>
        Assert.True(isValid == TopicFilter.TryParse(Encoding.UTF8.GetBytes(filter), out _), filter);
}
