namespace Whimbrel.Client.Testing;

/// <summary>How late acknowledgements are, and until when.</summary>
internal sealed record Lateness(TimeSpan Delay, Fault Fault)
{
    /// <summary>Completes when what comes now may leave.</summary>
    public Task DueAsync(TimeProvider time) => Delay == Timeout.InfiniteTimeSpan ? Fault.Ended : Task.WhenAny(Task.Delay(Delay, time), Fault.Ended);
}
