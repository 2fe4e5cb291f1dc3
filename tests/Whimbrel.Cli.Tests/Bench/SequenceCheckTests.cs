using Whimbrel.Cli.Bench.Load;

namespace Whimbrel.Cli.Tests.Bench;

public class SequenceCheckTests
{
    private readonly SequenceCheck _check = new(window: 64);

    [Fact]
    public void Numbers_in_turn_are_in_order() => Assert.All(Enumerable.Range(0, 1000), n => Assert.Equal(Arrival.InOrder, _check.Take(n)));

    [Fact]
    public void What_is_skipped_is_missing_until_it_comes_late()
    {
        Assert.Equal(Arrival.InOrder, _check.Take(3));
        Assert.Equal(3, _check.Missing);
        Assert.Equal(Arrival.Late, _check.Take(1));
        Assert.Equal(Arrival.Again, _check.Take(1));
        Assert.Equal(Arrival.Late, _check.Take(0));
        Assert.Equal(Arrival.Late, _check.Take(2));
        Assert.Equal(0, _check.Missing);
        Assert.Equal(Arrival.InOrder, _check.Take(4));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(999)]
    public void What_has_come_comes_again(long number)
    {
        foreach (int n in Enumerable.Range(0, 1000))
            _check.Take(n);
        Assert.Equal(Arrival.Again, _check.Take(number));
        Assert.Equal(0, _check.Missing);
    }

    [Fact]
    public void What_is_too_old_to_be_remembered_is_taken_for_one_that_was_missing()
    {
        _check.Take(1);
        for (int n = 2; n < 200; n++)
            _check.Take(n);
        Assert.Equal(1, _check.Missing);
        Assert.Equal(Arrival.Late, _check.Take(0));
        Assert.Equal(0, _check.Missing);
        Assert.Equal(Arrival.Again, _check.Take(0));
    }

    [Fact]
    public void A_gap_that_is_longer_than_the_memory_is_counted()
    {
        _check.Take(10_000);
        Assert.Equal(10_000, _check.Missing);
        Assert.Equal(Arrival.Late, _check.Take(9_999));
        Assert.Equal(Arrival.Late, _check.Take(3));
        Assert.Equal(9_998, _check.Missing);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_agrees_with_a_set_of_all_numbers(int seed)
    {
        var random = new Random(seed);
        var check = new SequenceCheck(window: 128);
        var seen = new HashSet<long>();
        long next = 0;
        for (int i = 0; i < 20_000; i++)
        {
            // Never further back than it remembers.
            long number = Math.Max(0, next + random.Next(-100, 8));
            Arrival expected = !seen.Add(number) ? Arrival.Again : number < next ? Arrival.Late : Arrival.InOrder;
            next = Math.Max(next, number + 1);
            Assert.Equal(expected, check.Take(number));
            Assert.Equal(next - seen.Count, check.Missing);
        }
    }

    [Fact]
    public void An_open_stream_begins_anywhere_and_begins_again()
    {
        var check = new SequenceCheck { IsOpen = true };
        Assert.Equal(Arrival.InOrder, check.Take(500));
        Assert.Equal(Arrival.InOrder, check.Take(502));
        Assert.Equal(1, check.Missing);
        Assert.Equal(Arrival.InOrder, check.Take(0));
        Assert.Equal(Arrival.InOrder, check.Take(1));
        Assert.Equal(1, check.Missing);
    }
}
