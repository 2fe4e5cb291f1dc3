namespace Whimbrel.Broker.Tests;

public class TimerWheelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_deadline_within_a_round_is_met_in_its_slot_and_later_ones_fire_early(int seed)
    {
        var random = new Random(seed);
        long now = 1_000_000;
        var wheel = new TimerWheel(now);
        var open = new List<Probe>();
        var due = new List<ITimed>();
        for (int step = 0; step < 3000; step++)
        {
            long deadline = random.Next(10) == 0 ? long.MaxValue : now + random.Next(0, 600_000);
            var probe = new Probe(deadline, now);
            open.Add(probe);
            wheel.Add(probe, deadline);
            now += random.Next(20) == 0 ? random.Next(100_000) : random.Next(500);
            due.Clear();
            wheel.Advance(now, due);
            foreach (ITimed fired in due)
                Assert.True(open.Remove((Probe)fired), "an entry fired twice");
            Assert.DoesNotContain(open, waiting => waiting.Deadline <= now - (2 * TimerWheel.SlotMilliseconds));
            Assert.DoesNotContain(open, waiting => waiting.AddedAt + 420_000 <= now);
            Assert.All(due, fired => Assert.True(((Probe)fired).Deadline <= now || now - ((Probe)fired).AddedAt > 400_000, "an entry fired long before its time"));
        }
    }

    private sealed class Probe(long deadline, long addedAt) : ITimed
    {
        public long Deadline => deadline;

        public long AddedAt => addedAt;

        public void OnTimer(Turn turn)
        {
        }
    }
}
