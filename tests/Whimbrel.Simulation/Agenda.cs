namespace Whimbrel.Simulation;

/// <summary>
/// The only clock there is, and what is going to happen: actions by virtual time, those of one instant in the order in which they were
/// planned.
/// </summary>
internal sealed class Agenda(long now)
{
    private const int StepsMax = 2_000_000;

    private readonly PriorityQueue<Action, (long Time, long Number)> _plans = new();
    private long _number;

    /// <summary>Milliseconds.</summary>
    public long Now { get; private set; } = now;

    /// <summary>How many actions have been done.</summary>
    public int Steps { get; private set; }

    public void In(long delay, Action action) => At(Now + delay, action);

    public void At(long time, Action action) => _plans.Enqueue(action, (Math.Max(time, Now), ++_number));

    /// <summary>Counts what is done, so that nothing goes on for ever.</summary>
    public void Step()
    {
        if (++Steps > StepsMax)
            throw new ViolationException("livelock", $"{StepsMax} steps and no end");
    }

    /// <summary>
    /// Does what is planned up to a time and moves the clock there; stops early when <paramref name="isOver"/> says so. May be called by
    /// an action: who waits for the disk lets the rest of the world go on.
    /// </summary>
    public void RunUntil(long time, Func<bool>? isOver = null)
    {
        while (isOver?.Invoke() != true)
        {
            if (!_plans.TryPeek(out _, out (long Time, long Number) next) || next.Time > time)
            {
                Now = Math.Max(Now, time);
                return;
            }

            Action action = _plans.Dequeue();
            Now = Math.Max(Now, next.Time);
            Step();
            action();
        }
    }
}
