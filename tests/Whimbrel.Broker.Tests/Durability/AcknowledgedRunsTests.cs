namespace Whimbrel.Broker.Tests;

public class AcknowledgedRunsTests
{
    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, 30)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void What_was_added_in_any_order_is_contained_and_nothing_else(int seed)
    {
        var random = new Random(seed);
        long[] numbers = [.. Enumerable.Range(1, 200).Select(n => (long)n)];
        random.Shuffle(numbers);
        var runs = new AcknowledgedRuns();
        var added = new HashSet<long>();
        foreach (long number in numbers.Take(random.Next(1, 200)))
        {
            runs.Add(number);
            runs.Add(number);
            added.Add(number);
            for (long n = 1; n <= 201; n++)
                Assert.Equal(added.Contains(n), runs.Contains(n));
        }

        // No two runs touch, and none touches the floor: the form is the smallest.
        long last = runs.Floor;
        foreach (AcknowledgedRuns.Run run in runs.Runs)
        {
            Assert.True(run.First > last + 1 && run.Last >= run.First);
            last = run.Last;
        }
    }

    [Fact]
    public void One_delivery_that_stays_open_costs_one_run_however_many_overtake_it()
    {
        var runs = new AcknowledgedRuns();
        for (long n = 2; n < 100_000; n++)
            runs.Add(n);
        Assert.Equal(new AcknowledgedRuns.Run(2, 99_999), Assert.Single(runs.Runs));
        runs.Add(1);
        Assert.Equal((99_999, 0), (runs.Floor, runs.Runs.Count));
    }

    [Fact]
    public void Ranges_are_put_in_from_below()
    {
        var runs = new AcknowledgedRuns();
        runs.AddRange(1, 0);
        runs.AddRange(1, 4);
        runs.AddRange(6, 5);
        runs.AddRange(7, 9);
        Assert.Equal(4, runs.Floor);
        Assert.Equal([false, false, true, true, true, false], new long[] { 5, 6, 7, 8, 9, 10 }.Select(runs.Contains));
    }
}
