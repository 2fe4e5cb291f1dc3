namespace Whimbrel.EndToEnd;

/// <summary>Time that goes on when the test says so, and with the machine's otherwise.</summary>
internal sealed class SettableTime : TimeProvider
{
    private long _ahead;

    public override long TimestampFrequency => System.TimestampFrequency;

    public override long GetTimestamp() => System.GetTimestamp() + Volatile.Read(ref _ahead);

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ahead, (long)(time.TotalSeconds * TimestampFrequency));
}
