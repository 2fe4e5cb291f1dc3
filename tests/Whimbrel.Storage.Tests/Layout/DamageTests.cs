using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>A store that was damaged is named, never half understood.</summary>
public class DamageTests
{
    public static TheoryData<string> Families() => [.. Enum.GetNames<Family>()];

    [Theory]
    [MemberData(nameof(Families))]
    public void A_record_that_was_cut_or_lengthened_is_named(string name)
    {
        Family family = Enum.Parse<Family>(name);
        using MemoryEngine engine = RichStore.Make();
        foreach ((byte[] key, byte[] value) in engine[family].ToList())
        {
            for (int length = 0; length < value.Length; length++)
                AssertNamed(engine, family, key, value[..length]);
            AssertNamed(engine, family, key, [.. value, 0]);
            engine[family][key] = value;
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Whatever_bit_is_wrong_the_store_is_read_or_refused_by_its_own_exception(string name)
    {
        Family family = Enum.Parse<Family>(name);
        using MemoryEngine engine = RichStore.Make();
        int refused = 0;
        foreach ((byte[] key, byte[] value) in engine[family].ToList())
        {
            foreach (byte[] wrong in OneBitWrong(value))
            {
                engine[family][key] = wrong;
                refused += IsRefused(engine) ? 1 : 0;
            }

            engine[family].Remove(key);
            foreach (byte[] wrong in OneBitWrong(key).Where(wrong => !engine[family].ContainsKey(wrong)))
            {
                engine[family][wrong] = value;
                refused += IsRefused(engine) ? 1 : 0;
                engine[family].Remove(wrong);
            }

            engine[family][key] = value;
        }

        Assert.InRange(refused, 20, int.MaxValue);
    }

    [Fact]
    public void The_message_says_where_the_store_is_which_record_and_what_to_do()
    {
        using MemoryEngine engine = RichStore.Make();
        byte[] key = engine[Family.Retained].Keys.First();
        engine[Family.Retained][key] = [];
        StoreException failure = Assert.Throws<StoreException>(() => Batches.Told(engine));
        Assert.Equal(
            "the store in memory is damaged: in Retained, the record 612F62 ends too early; restore a backup with 'whimbrel backup restore'",
            failure.Message);
    }

    [Fact]
    public void A_message_that_is_lost_while_a_copy_was_added_to_it_is_noticed()
    {
        using MemoryEngine engine = RichStore.Make();
        engine[Family.Messages].Remove(engine[Family.Messages].Keys.First());
        AssertCorrupt(engine, "is a copy of message 300, which is not there");
    }

    [Fact]
    public void A_number_that_was_never_given_is_noticed()
    {
        using MemoryEngine engine = RichStore.Make();
        byte[] numbers = engine[Family.State].Keys.Single(key => key.SequenceEqual(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 1 }));
        engine[Family.State][numbers] = [0xAD, 0x02, 1];
        engine[Family.State].Remove(engine[Family.State].Keys.Single(key => key.SequenceEqual(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 2 })));
        AssertCorrupt(engine, "belongs to session 2, a number that was never given");
        engine[Family.State][numbers] = [0xAC, 0x02, 2];
        AssertCorrupt(engine, "has the message identifier 301, which was never given");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Records_without_the_format_s_number_are_not_trusted(string name)
    {
        Family family = Enum.Parse<Family>(name);
        using MemoryEngine whole = RichStore.Make();
        using var engine = new MemoryEngine();
        foreach ((byte[] key, byte[] value) in whole[family].Where(entry => entry.Key[0] != 0 || entry.Key[7] != 0))
            engine[family][key] = value;
        AssertCorrupt(engine, "");
    }

    [Fact]
    public void Another_format_is_refused_by_its_number()
    {
        using MemoryEngine engine = RichStore.Make();
        engine[Family.State][new byte[9]] = [2];
        StoreException failure = Assert.Throws<StoreException>(() => Batches.Told(engine));
        Assert.Equal(StoreFailure.OtherVersion, failure.Failure);
        Assert.Contains("has format 2, and this version reads and writes format 1", failure.Message, StringComparison.Ordinal);
    }

    private static void AssertNamed(MemoryEngine engine, Family family, byte[] key, byte[] value)
    {
        engine[family][key] = value;
        AssertCorrupt(engine, $"in {family}, the record {Convert.ToHexString(key)} ");
    }

    private static void AssertCorrupt(MemoryEngine engine, string part)
    {
        StoreException failure = Assert.Throws<StoreException>(() => Batches.Told(engine));
        Assert.Equal(StoreFailure.Corrupt, failure.Failure);
        Assert.Contains(part, failure.Message, StringComparison.Ordinal);
    }

    private static bool IsRefused(MemoryEngine engine)
    {
        try
        {
            Batches.Told(engine);
            return false;
        }
        catch (StoreException)
        {
            return true;
        }
    }

    private static IEnumerable<byte[]> OneBitWrong(byte[] bytes)
    {
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] wrong = [.. bytes];
            wrong[bit / 8] ^= (byte)(1 << (bit % 8));
            yield return wrong;
        }
    }
}
