using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

public class SubscriptionTreeTests
{
    private static readonly string[] Levels = ["a", "b", "c", "", "+", "#"];

    [Theory]
    [InlineData("sport/tennis/#", "sport/tennis", true)]
    [InlineData("sport/#", "sport", true)]
    [InlineData("#", "sport", true)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("+/monitor/Clients", "$SYS/monitor/Clients", false)]
    [InlineData("$SYS/monitor/+", "$SYS/monitor/Clients", true)]
    [InlineData("#", "$SYS", false)]
    [InlineData("$SYS/#", "$SYS", true)]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "A/b", false)]
    public void A_filter_matches_as_the_specification_shows(string filter, string topic, bool expected)
    {
        var tree = new SubscriptionTree();
        Add(tree, filter);
        Assert.Equal(expected, Match(tree, topic).Length == 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_changes_leave_the_tree_equal_to_a_list(int seed)
    {
        var random = new Random(seed);
        var tree = new SubscriptionTree();
        var list = new List<Subscription>();
        for (int step = 0; step < 4000; step++)
        {
            if (random.Next(5) < 2 && list.Count > 0)
            {
                Subscription gone = list[random.Next(list.Count)];
                list.Remove(gone);
                tree.Remove(gone);
            }
            else
            {
                list.Add(Add(tree, RandomFilter(random)));
            }

            string topic = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Levels[random.Next(4)]));
            if (topic.Length == 0)
                continue;
            string[] expected = [.. list.Where(s => ReferenceBroker.Matches(s.FilterText, topic)).Select(s => s.FilterText).Order(StringComparer.Ordinal)];
            Assert.Equal(expected, Match(tree, topic));
            Assert.Equal(list.Count, tree.Count);
        }
    }

    [Fact]
    public void A_filter_with_many_subscribers_loses_them_one_by_one()
    {
        var tree = new SubscriptionTree();
        Subscription[] all = [.. Enumerable.Range(0, 5000).Select(_ => Add(tree, "x/+"))];
        foreach (Subscription subscription in all.AsSpan(0, 4999))
            tree.Remove(subscription);
        Assert.Single(Match(tree, "x/y"));
        tree.Remove(all[4999]);
        Assert.Empty(Match(tree, "x/y"));
    }

    private static Subscription Add(SubscriptionTree tree, string filter)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(filter);
        Assert.True(TopicFilter.TryParse(utf8, out TopicFilter parsed), filter);
        var subscription = new Subscription(utf8, NobodyHere.Instance);
        tree.Add(parsed, subscription);
        return subscription;
    }

    private static string[] Match(SubscriptionTree tree, string topic)
    {
        var matches = new MatchList();
        tree.Match(Encoding.UTF8.GetBytes(topic), matches);
        return [.. matches.Items.ToArray().Select(s => s.FilterText).Order(StringComparer.Ordinal)];
    }

    private static string RandomFilter(Random random)
    {
        int count = random.Next(1, 5);
        var levels = new List<string>();
        for (int i = 0; i < count; i++)
        {
            string level = Levels[random.Next(Levels.Length)];
            levels.Add(level);
            if (level == "#")
                break;
        }

        string filter = string.Join('/', levels);
        return filter.Length == 0 ? "a" : filter;
    }

    private sealed class NobodyHere : ILocalSubscriber
    {
        public static NobodyHere Instance { get; } = new();

        public bool TryDeliver(Message message, bool retained) => true;
    }
}
