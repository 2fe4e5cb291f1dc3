using System.Globalization;
using Whimbrel.Crash.Brokers;
using Whimbrel.Crash.Judging;

namespace Whimbrel.Crash;

/// <summary>
/// The broker as a process, killed with SIGKILL again and again on one data directory. <c>WHIMBREL_CRASH_ROUNDS</c> says how often,
/// <c>WHIMBREL_CRASH_SEED</c> repeats what a failure printed: the same clients with the same inclinations and the same moments, though not the
/// same scheduling.
/// </summary>
public class CrashTests
{
    private const int RoundsInCi = 20;

    [Fact]
    public async Task What_is_acknowledged_survives_SIGKILL_at_any_moment_and_nothing_comes_twice()
    {
        await using var run = new CrashRun(new WhimbrelBroker(), new PlainDisk(), Seed, Number("WHIMBREL_CRASH_ROUNDS") ?? RoundsInCi);
        await AssertNothingIsFoundAsync(run);
    }

    [Fact]
    public async Task What_is_acknowledged_survives_a_loss_of_power_at_any_moment_and_nothing_comes_twice()
    {
        int? rounds = Number("WHIMBREL_CRASH_POWER_ROUNDS");
        Assert.SkipWhen(rounds is null, "it mounts file systems, as root: set WHIMBREL_CRASH_POWER_ROUNDS");
        Assert.SkipUnless(PowerCutDisk.IsPossible, "it needs Linux, root, loop devices and mkfs.ext4");
        await using var run = new CrashRun(new WhimbrelBroker(), await PowerCutDisk.CreateAsync(), Seed, rounds.Value);
        await AssertNothingIsFoundAsync(run);
    }

    [Fact]
    public async Task A_broker_that_keeps_everything_in_memory_is_found_out()
    {
        await using var run = new CrashRun(new WhimbrelInMemory(), new PlainDisk(), Seed, rounds: 4) { FinishLimit = TimeSpan.FromSeconds(1), GoesOn = true };
        await run.RunAsync(Say);
        Assert.Contains(run.Oracle.Violations, v => v.Kind == ViolationKind.Lost);
        Assert.Contains(run.Oracle.Violations, v => v.Kind == ViolationKind.SessionLost);
        Assert.Contains(run.Oracle.Violations, v => v.Kind == ViolationKind.RetainedLost);
    }

    /// <summary>The comparison that the documentation quotes; not for CI, where nobody would look at its figures.</summary>
    [Fact]
    public async Task Mosquitto_with_persistence_as_it_comes_loses_what_it_acknowledged()
    {
        var mosquitto = new MosquittoBroker();
        Assert.SkipWhen(Number("WHIMBREL_CRASH_ROUNDS") is null, "for the long mode: set WHIMBREL_CRASH_ROUNDS");
        Assert.SkipWhen(mosquitto.Program is null, "mosquitto is not installed");
        await using var run = new CrashRun(mosquitto, new PlainDisk(), Seed, rounds: 20) { FinishLimit = TimeSpan.FromSeconds(5), GoesOn = true };
        await run.RunAsync(Say);
        Say(run.Oracle.Describe());
        Assert.Contains(run.Oracle.Violations, v => v.Kind == ViolationKind.Lost);
    }

    private static int Seed { get; } = Number("WHIMBREL_CRASH_SEED") ?? Random.Shared.Next();

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private static async Task AssertNothingIsFoundAsync(CrashRun run)
    {
        await run.RunAsync(Say);
        Assert.True(run.Oracle.Violations.Count == 0, $"{run.Summary}\n{run.Oracle.Describe()}\nrepeat with WHIMBREL_CRASH_SEED={Seed}");
        Assert.True(run.Oracle.AcknowledgedCount > 0, "nothing was published");
    }

    private static void Say(string line)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        TestContext.Current.SendDiagnosticMessage("{0}", line);
    }
}
