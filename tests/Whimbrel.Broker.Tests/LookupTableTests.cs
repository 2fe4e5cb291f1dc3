namespace Whimbrel.Broker.Tests;

public class LookupTableTests
{
    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 40)]
    [InlineData(3, 3000)]
    public void Random_changes_leave_the_table_equal_to_a_dictionary(int seed, int keys)
    {
        var random = new Random(seed);
        var table = new LookupTable<int, Entry, ByKey>();
        var expected = new Dictionary<int, Entry>();
        for (int step = 0; step < 40_000; step++)
        {
            // Growing and shrinking in turns.
            bool adds = random.Next(10) < (step / 5000 % 2 == 0 ? 7 : 3);
            int key = random.Next(keys);
            bool there = expected.TryGetValue(key, out Entry? old);
            Assert.Equal(there, table.TryGet(key, out Entry? found));
            Assert.Same(old, found);
            var entry = new Entry(key);
            if (adds && there)
            {
                table.Replace(old!, entry);
                expected[key] = entry;
            }
            else if (adds)
            {
                table.Add(entry);
                expected.Add(key, entry);
            }
            else if (there)
            {
                table.Remove(old!);
                expected.Remove(key);
            }

            Assert.Equal(expected.Count, table.Count);
            if (step % 1000 == 0)
                Assert.Equal(expected.Values.Select(value => value.Key).Order(), table.ToArray().Select(value => value.Key).Order());
        }
    }

    [Fact]
    public async Task Whoever_looks_up_what_stays_finds_it_while_others_come_and_go()
    {
        const int Stays = 0;
        var table = new LookupTable<int, Entry, ByKey>();
        table.Add(new Entry(Stays));
        bool done = false;
        Task<int> missing = Task.Run(() =>
        {
            int missed = 0;
            while (!Volatile.Read(ref done))
                missed += table.TryGet(Stays, out _) ? 0 : 1;
            return missed;
        });
        // From few to many and back, which is where what stays moves.
        Entry[] others = [.. Enumerable.Range(1, 12).Select(key => new Entry(key))];
        for (int round = 0; round < 200_000; round++)
        {
            foreach (Entry other in others)
                table.Add(other);
            foreach (Entry other in others)
                table.Remove(other);
        }

        Volatile.Write(ref done, true);
        Assert.Equal(0, await missing);
    }

    private sealed record Entry(int Key);

    private readonly struct ByKey : IKeyed<int, Entry>
    {
        public static int KeyOf(Entry value) => value.Key;

        // Many share a place, and one has the hash 0.
        public static int HashOf(int key) => key / 3 * 16;

        public static bool AreSame(int one, int other) => one == other;
    }
}
