using System.Diagnostics;

namespace Whimbrel.Simulation;

/// <summary>Runs worlds one after the other until one breaks a rule, or long enough.</summary>
/// <param name="Count">How many were run.</param>
/// <param name="Found">The one that broke a rule, or null.</param>
/// <param name="Elapsed">How long it took.</param>
internal sealed record Hunt(int Count, Outcome? Found, TimeSpan Elapsed)
{
    public static Hunt Run(int firstSeed, int secondsMax, int countMax = int.MaxValue)
    {
        long started = Stopwatch.GetTimestamp();
        Outcome? found = null;
        int count = 0;
        for (; found is null && count < countMax && Stopwatch.GetElapsedTime(started).TotalSeconds < secondsMax; count++)
        {
            Outcome outcome = World.Run(firstSeed + count);
            found = outcome.Rule is null ? null : outcome;
        }

        return new Hunt(count, found, Stopwatch.GetElapsedTime(started));
    }
}
