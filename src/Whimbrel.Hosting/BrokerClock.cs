namespace Whimbrel.Hosting;

/// <summary>Unix time that never jumps: the wall clock once, at the start, and from there on the time that has really passed.</summary>
internal sealed class BrokerClock
{
    private readonly TimeProvider _time;
    private readonly long _startMilliseconds;
    private readonly long _startTimestamp;

    public BrokerClock(TimeProvider time)
    {
        _time = time;
        _startMilliseconds = time.GetUtcNow().ToUnixTimeMilliseconds();
        _startTimestamp = time.GetTimestamp();
    }

    public long NowMilliseconds => _startMilliseconds + (long)_time.GetElapsedTime(_startTimestamp).TotalMilliseconds;
}
