namespace Whimbrel.Simulation;

/// <summary>Everything that is left to chance comes from here, and so from the seed.</summary>
internal sealed class Chance(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A number from 0 to below <paramref name="limit"/>.</summary>
    public int Below(int limit) => _random.Next(limit);

    /// <summary>A number from one to another, both included.</summary>
    public int Between(int from, int to) => _random.Next(from, to + 1);

    public bool Percent(int percent) => _random.Next(100) < percent;

    public T Of<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];

    public T OneOf<T>(IReadOnlyList<T> choices) => choices[_random.Next(choices.Count)];

    /// <summary>The time to the next of events that come at random, so often on average.</summary>
    public int Around(int mean) => (int)Math.Min(mean * 10.0, -Math.Log(1 - _random.NextDouble()) * mean) + 1;
}
