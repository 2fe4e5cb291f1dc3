using System.Diagnostics;
using System.Globalization;

namespace Whimbrel.Simulation;

/// <summary>
/// Worlds from seeds: those that once found something, and new ones for a minute. docs/simulation.md tells how to replay one and how to
/// go on for hours.
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

        int first = Number("WHIMBREL_SIM_FIRST") ?? Random.Shared.Next(1, 1_000_000_000);
        Hunt hunt = Hunt.Run(first, Number("WHIMBREL_SIM_SECONDS") ?? DefaultSeconds, Number("WHIMBREL_SIM_COUNT") ?? int.MaxValue);
        TestContext.Current.TestOutputHelper?.WriteLine($"{hunt.Count} worlds from seed {first} on in {hunt.Elapsed.TotalSeconds:F0} s");
        // Whoever hunts seeded bugs reads the result here.
        if (Environment.GetEnvironmentVariable("WHIMBREL_SIM_RESULT") is { } file)
            File.WriteAllLines(file, [$"{hunt.Count}", $"{hunt.Elapsed.TotalSeconds:F1}", hunt.Found?.Rule ?? "", hunt.Found?.ToString() ?? ""]);
        if (hunt.Found is { } found)
            Require(found);
    }

    [Fact]
    public void The_same_seed_makes_the_same_world()
    {
        for (int seed = 1; seed <= 5; seed++)
            Assert.Equal(World.Run(seed).Trace.Digest, World.Run(seed).Trace.Digest);
    }

    /// <summary>A world in which nothing goes wrong proves nothing.</summary>
    [Fact]
    public void Worlds_meet_what_they_are_made_for()
    {
        string[] wanted =
        [
            "server is killed", "server ends", "server the disk is broken", "killed during a write that is there", "killed during a write that is lost",
            "write failed for want of space", "write failed for want of space and reached the disk", "publish refused", "Refused", "SubscriptionRefused",
            "Connected to its session", "SessionEnded", "closed: SessionTakenOver", "closed: KeepAliveTimeout", "closed: PeerReset", "closed: ServerShuttingDown",
            "QoS 1 delivered again", "QoS 2 delivered again", "QoS 1 delivered, retained", "QoS 2 delivered, retained", "QoS 2 delivered again, retained",
            "QoS 1 delivered, shared", "QoS 2 delivered again, shared", "PUBREL sent again", "dropped: Expired", "dropped: OutboxFullOldest",
            "dropped: OutboxFullNewest", "dropped: PacketTooLarge", "dropped: SessionEnded", "dropped: StoreFull",
        ];
        HashSet<string> happened = [.. Enumerable.Range(1, 250).SelectMany(seed => World.Run(seed).Happened.Keys)];
        Assert.All(wanted, what => Assert.Contains(what, happened));
    }

    /// <summary>Which rules break how often, when many do: for whoever changes the simulation itself.</summary>
    [Fact(Explicit = true)]
    public void Survey()
    {
        int first = Number("WHIMBREL_SIM_FIRST") ?? 1;
        int count = Number("WHIMBREL_SIM_COUNT") ?? 1000;
        long started = Stopwatch.GetTimestamp();
        var broken = new List<Outcome>();
        for (int seed = first; seed < first + count; seed++)
        {
            Outcome outcome = World.Run(seed);
            if (outcome.Rule is not null)
                broken.Add(outcome);
        }

        ITestOutputHelper? output = TestContext.Current.TestOutputHelper;
        output?.WriteLine($"{broken.Count} of {count} worlds broke a rule; {Stopwatch.GetElapsedTime(started).TotalMilliseconds / count:F1} ms each");
        foreach (IGrouping<string?, Outcome> rule in broken.GroupBy(outcome => outcome.Rule))
            output?.WriteLine($"{rule.Count()} {rule.Key}: {string.Join(" ", rule.OrderBy(outcome => outcome.Steps).Take(5).Select(outcome => outcome.Seed))}; {rule.MinBy(outcome => outcome.Steps)!.Violation}");
        Assert.Empty(broken);
    }

    private static void Require(Outcome outcome)
    {
        if (outcome.Rule is not null)
            Assert.Fail(outcome.ToString());
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : null;
}
