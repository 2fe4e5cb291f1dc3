using System.Diagnostics;
using System.Globalization;

namespace Whimbrel.Simulation;

/// <summary>
/// Worlds from seeds: those that once found something, and new ones for a minute. WHIMBREL_SIM_SEED=n replays one with its whole trace,
/// WHIMBREL_SIM_SECONDS=n goes on for that long.
/// </summary>
public class SimulationTests
{
    private const int DefaultSeconds = 60;

    [Fact]
    public void Saved_worlds_keep_every_promise()
    {
        foreach (string line in File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "seeds.txt")))
        {
            string seed = line.Split('#')[0].Trim();
            if (seed.Length > 0)
                Require(World.Run(int.Parse(seed, CultureInfo.InvariantCulture)));
        }
    }

    [Fact]
    public void New_worlds_keep_every_promise()
    {
        if (Number("WHIMBREL_SIM_SEED") is { } one)
        {
            Outcome outcome = World.Run(one, keepsTrace: true);
            TestContext.Current.TestOutputHelper?.WriteLine(outcome.ToString());
            Require(outcome);
            return;
        }

        long started = Stopwatch.GetTimestamp();
        int first = Number("WHIMBREL_SIM_FIRST") ?? Random.Shared.Next(1, 1_000_000_000);
        int count = 0;
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < (Number("WHIMBREL_SIM_SECONDS") ?? DefaultSeconds); count++)
            Require(World.Run(first + count));
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} worlds from seed {first} on");
    }

    [Fact(Explicit = true)]
    public void Survey()
    {
        var found = new SortedDictionary<string, List<Outcome>>();
        int first = Number("WHIMBREL_SIM_FIRST") ?? 1;
        int count = Number("WHIMBREL_SIM_COUNT") ?? 200;
        long started = Stopwatch.GetTimestamp();
        long steps = 0;
        for (int seed = first; seed < first + count; seed++)
        {
            Outcome outcome = World.Run(seed);
            steps += outcome.Steps;
            if (outcome.Rule is null)
                continue;
            if (!found.TryGetValue(outcome.Rule, out List<Outcome>? outcomes))
                found.Add(outcome.Rule, outcomes = []);
            outcomes.Add(outcome);
        }

        var text = new System.Text.StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalMilliseconds / count:F1} ms and {steps / count} steps a seed, {found.Values.Sum(list => list.Count)} of {count} failed");
        foreach ((string rule, List<Outcome> outcomes) in found)
            text.AppendLine(CultureInfo.InvariantCulture, $"{outcomes.Count,5} {rule}: {string.Join(" ", outcomes.OrderBy(o => o.Steps).Take(5).Select(o => $"{o.Seed}@{o.Steps}"))}  {outcomes.MinBy(o => o.Steps)!.Violation.Split('\n')[0]}");
        File.WriteAllText("/tmp/survey.txt", text.ToString());
    }

    [Fact]
    public void The_same_seed_makes_the_same_world()
    {
        for (int seed = 1; seed <= 5; seed++)
            Assert.Equal(World.Run(seed).Trace.Digest, World.Run(seed).Trace.Digest);
    }

    private static void Require(Outcome outcome)
    {
        if (outcome.Rule is not null)
            Assert.Fail(outcome.ToString());
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : null;
}
