using Whimbrel.Broker;

namespace Whimbrel.Hosting.Tests;

public class SmallPartsTests
{
    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(0, 4, 1)]
    [InlineData(0, 6, 3)]
    [InlineData(0, 128, 16)]
    [InlineData(5, 2, 5)]
    public void Loops_follow_the_cores_unless_they_are_chosen(int asked, int cores, int loops) => Assert.Equal(loops, EventLoopHost.LoopCount(asked, cores));

    [Fact]
    public void A_peer_of_each_kind_reads_as_people_know_it()
    {
        Assert.Equal("127.0.0.1:52344", new PeerAddress([2, 0, 204, 120, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).ToString());
        Assert.Equal("[::1]:1883", new PeerAddress([10, 0, 7, 91, 0, 0, 0, 0, .. new byte[15], 1, 0, 0, 0, 0]).ToString());
        Assert.Equal("127.0.0.1:1883", new PeerAddress([10, 0, 7, 91, 0, 0, 0, 0, .. new byte[10], 255, 255, 127, 0, 0, 1, 0, 0, 0, 0]).ToString());
        Assert.Equal("unix", new PeerAddress([1, 0]).ToString());
        Assert.Equal("unix", new PeerAddress([]).ToString());
    }

    [Fact]
    public void The_clock_goes_on_from_the_wall_s_time_and_never_follows_its_jumps()
    {
        var time = new JumpingTime { Wall = DateTimeOffset.FromUnixTimeMilliseconds(1_000_000), Elapsed = 500 };
        var clock = new BrokerClock(time);
        Assert.Equal(1_000_000, clock.NowMilliseconds);
        time.Elapsed += 250;
        time.Wall -= TimeSpan.FromHours(1);
        Assert.Equal(1_000_250, clock.NowMilliseconds);
    }

    [Fact]
    public async Task A_handler_that_does_not_keep_up_loses_what_comes_beyond_its_queue()
    {
        var subscriber = new LocalSubscriber(2);
        Assert.True(subscriber.TryDeliver(MessageOf(1), retained: true));
        Assert.True(subscriber.TryDeliver(MessageOf(2), retained: false));
        Assert.False(subscriber.TryDeliver(MessageOf(3), retained: false));
        subscriber.Complete();
        var got = new List<ReceivedMessage>();
        await foreach (var message in subscriber.ReadAllAsync(CancellationToken.None))
            got.Add(message);
        Assert.Equal([1, 2], got.Select(message => (int)message.Payload.Span[0]));
        Assert.Equal([true, false], got.Select(message => message.IsRetained));
        Assert.Equal("t", got[0].Topic);
    }

    private static Message MessageOf(byte payload) => new("t"u8, [payload]);

    private sealed class JumpingTime : TimeProvider
    {
        public DateTimeOffset Wall { get; set; }

        public long Elapsed { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Elapsed;

        public override DateTimeOffset GetUtcNow() => Wall;
    }
}
