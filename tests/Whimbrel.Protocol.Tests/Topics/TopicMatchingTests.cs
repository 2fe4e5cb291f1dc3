using System.Text;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class TopicMatchingTests
{
    [Theory]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/ranking", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player2", false)]
    [InlineData("sport/#", "sport", true)]
    [InlineData("sport/#", "sports", false)]
    [InlineData("#", "a", true)]
    [InlineData("#", "/", true)]
    [InlineData("#", "/a/b", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("+", "finance", true)]
    [InlineData("+/tennis/#", "a/tennis", true)]
    [InlineData("+/#", "a", true)]
    [InlineData("+/+/#", "a", false)]
    [InlineData("a//b", "a//b", true)]
    [InlineData("a/+/b", "a//b", true)]
    [InlineData("a", "a/", false)]
    [InlineData("a/", "a", false)]
    [InlineData("/a", "a", false)]
    public void The_examples_of_the_specification_match(string filter, string topic, bool isMatch) =>
        Assert.Equal(isMatch, Matches(filter, topic));

    [Theory]
    [Clause("MQTT-4.7.2-1")]
    [Clause311("MQTT-4.7.2-1")]
    [InlineData("#", "$SYS/monitor/Clients", false)]
    [InlineData("#", "$SYS", false)]
    [InlineData("+", "$SYS", false)]
    [InlineData("+/monitor/Clients", "$SYS/monitor/Clients", false)]
    [InlineData("+/#", "$SYS/a", false)]
    [InlineData("$SYS/#", "$SYS/monitor", true)]
    [InlineData("$SYS/#", "$SYS", true)]
    [InlineData("$SYS/monitor/+", "$SYS/monitor/Clients", true)]
    [InlineData("#", "a/$SYS", true)]
    [InlineData("a/+", "a/$SYS", true)]
    [InlineData("/#", "/$SYS", true)]
    public void A_leading_wildcard_matches_no_topic_that_begins_with_a_dollar(string filter, string topic, bool isMatch) =>
        Assert.Equal(isMatch, Matches(filter, topic));

    [Theory]
    [Clause("MQTT-4.7.3-4")]
    [Clause311("MQTT-4.7.3-4")]
    [InlineData("ACCOUNTS", "Accounts")]
    [InlineData("\u00c5", "A\u030a")] // one character, and two that look the same
    [InlineData("\u212b", "\u00c5")]
    [InlineData("a b", "a  b")]
    [InlineData("a", "\ufeffa")]
    public void Characters_are_compared_as_they_are(string filter, string topic)
    {
        Assert.False(Matches(filter, topic));
        Assert.True(Matches(filter, filter));
        Assert.True(Matches(topic, topic));
    }

    [Fact]
    public void Nothing_matches_emptiness()
    {
        Assert.False(Matches("", "a"));
        Assert.False(Matches("a", ""));
        Assert.False(Matches("", ""));
    }

    [Fact]
    public void Random_filters_match_as_a_naive_matcher_says()
    {
        var random = new Random(4711);
        string[] filterLevels = ["a", "b", "", "+", "+", "#", "$x"];
        string[] topicLevels = ["a", "b", "", "$x"];
        int matches = 0;
        for (int i = 0; i < 200_000; i++)
        {
            string[] filter = Pick(random, filterLevels);
            string[] topic = Pick(random, topicLevels);
            int hash = Array.IndexOf(filter, "#");
            filter = hash < 0 ? filter : filter[..(hash + 1)];
            string filterText = string.Join('/', filter);
            string topicText = string.Join('/', topic);
            if (filterText.Length == 0 || topicText.Length == 0)
            {
                continue;
            }

            bool isHidden = topicText[0] == '$' && filterText[0] is '+' or '#';
            bool isExpected = !isHidden && Naive(filter, topic);
            Assert.True(isExpected == Matches(filterText, topicText), $"{filterText} {topicText}");
            matches += isExpected ? 1 : 0;
        }

        Assert.InRange(matches, 10_000, 190_000);
    }

    private static string[] Pick(Random random, string[] levels)
    {
        string[] picked = new string[random.Next(1, 6)];
        for (int i = 0; i < picked.Length; i++)
        {
            picked[i] = levels[random.Next(levels.Length)];
        }

        return picked;
    }

    private static bool Naive(ReadOnlySpan<string> filter, ReadOnlySpan<string> topic)
    {
        if (filter.IsEmpty)
        {
            return topic.IsEmpty;
        }

        if (filter[0] == "#")
        {
            return true;
        }

        return !topic.IsEmpty && (filter[0] == "+" || filter[0] == topic[0]) && Naive(filter[1..], topic[1..]);
    }

    private static bool Matches(string filter, string topic) =>
        TopicFilter.Matches(Encoding.UTF8.GetBytes(filter), Encoding.UTF8.GetBytes(topic));
}
