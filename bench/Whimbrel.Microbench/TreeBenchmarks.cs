using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Microbench;

/// <summary>Look-ups of topics among many filters, all topics in turn so that the caches of the processor see what a broker sees.</summary>
[MemoryDiagnoser]
public class TreeBenchmarks
{
    private const int Topics = 1024;

    private readonly MatchList _matches = new();
    private readonly byte[][] _topics = new byte[Topics][];
    private SubscriptionTree _tree = new();
    private byte[] _churned = [];
    private int _next;

    [Params(1_000, 100_000)]
    public int Filters { get; set; }

    /// <summary>How many of the filters have a wildcard: + in the middle and # at the end in turn.</summary>
    [Params(0, 50)]
    public int WildcardPercent { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _tree = new SubscriptionTree();
        for (int i = 0; i < Filters; i++)
        {
            bool isWildcard = i % 100 < WildcardPercent;
            string filter = !isWildcard ? Topic(i) : i % 2 == 0 ? $"site/{i % 100}/+/{i}" : $"site/{i % 100}/line/{i}/#";
            Add(Encoding.UTF8.GetBytes(filter));
        }

        for (int i = 0; i < Topics; i++)
            _topics[i] = Encoding.UTF8.GetBytes(Topic((int)((long)i * Filters / Topics)));
        _churned = Encoding.UTF8.GetBytes("site/1/line/churned/value");
    }

    [Benchmark]
    public int Match()
    {
        _tree.Match(_topics[_next++ % Topics], _matches);
        int count = _matches.Count;
        _matches.Clear();
        return count;
    }

    [Benchmark]
    public int SubscribeAndUnsubscribe()
    {
        Subscription subscription = Add(_churned);
        _tree.Remove(subscription);
        return _tree.Count;
    }

    private static string Topic(int number) => string.Create(CultureInfo.InvariantCulture, $"site/{number % 100}/line/{number}");

    private Subscription Add(byte[] filter)
    {
        if (!TopicFilter.TryParse(filter, out TopicFilter parsed))
            throw new InvalidOperationException("a filter that is none");
        var subscription = new Subscription(filter, Nobody.Instance);
        _tree.Add(parsed, subscription);
        return subscription;
    }

    private sealed class Nobody : ILocalSubscriber
    {
        public static Nobody Instance { get; } = new();

        public bool TryDeliver(Message message, bool retained) => true;
    }
}
