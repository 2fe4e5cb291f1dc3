using Whimbrel.Client.Linking;

namespace Whimbrel.Client.Tests;

/// <summary>How callers are told.</summary>
public class ErrandsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void One_thread_tells_all_in_turn_and_flushes_when_it_has()
    {
        var said = new List<string>();
        Errands? errands = null;
        errands = new Errands(() => said.Add("flush"));
        Assert.False(errands.TryJoin());
        errands.Add(new Errand(() => said.Add($"first, on it: {errands.IsOfThisThread}, more: {errands.HasMore}")));
        errands.Add(new Errand(() => said.Add($"second, on it: {errands.IsOfThisThread}, more: {errands.HasMore}")));
        Assert.True(errands.TryJoin());
        errands.Execute();
        Assert.Equal(["first, on it: True, more: True", "second, on it: True, more: False", "flush"], said);
        Assert.False(errands.IsOfThisThread);
        Assert.False(errands.TryJoin());
    }

    [Fact]
    public void The_next_that_reads_joins_in_only_when_work_is_left_over()
    {
        var errands = new Errands(() => { });
        errands.Add(new Errand(() =>
        {
            Assert.False(errands.TryJoin());
            errands.Add(new Errand(() => { }));
            Assert.False(errands.TryJoin());
            Assert.True(errands.TryJoin());
        }));
        Assert.True(errands.TryJoin());
        errands.Execute();
        Assert.False(errands.HasMore);
    }

    [Fact]
    public async Task One_that_blocks_does_not_hold_up_those_behind_it()
    {
        int flushes = 0;
        using var isTold = new ManualResetEventSlim();
        var errands = new Errands(() => Interlocked.Increment(ref flushes));
        errands.Add(new Errand(() => Assert.True(isTold.Wait(Limit))));
        errands.Add(new Errand(isTold.Set));
        Assert.True(errands.TryJoin());
        await Task.Run(errands.Execute).WaitAsync(Limit);
        Assert.True(isTold.IsSet);
        Assert.True(flushes > 0);
    }

    [Fact]
    public async Task What_one_that_blocks_has_written_leaves_nevertheless()
    {
        using var isFlushed = new ManualResetEventSlim();
        var errands = new Errands(isFlushed.Set);
        errands.Add(new Errand(() => Assert.True(isFlushed.Wait(Limit))));
        Assert.True(errands.TryJoin());
        await Task.Run(errands.Execute).WaitAsync(Limit);
        Assert.True(isFlushed.IsSet);
    }

    private sealed class Errand(Action what) : IThreadPoolWorkItem
    {
        public void Execute() => what();
    }
}
