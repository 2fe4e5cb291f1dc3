using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>What is left of logs that a crash cut off, against what a failing disk leaves of them.</summary>
public sealed class LogExaminationTests : IDisposable
{
    private static readonly EngineOptions Small = new() { LogBytesMax = 4 * 1024 * 1024, MessageBufferBytes = 1024 * 1024, OtherBufferBytes = 1024 * 1024 };

    private readonly TempDirectory _directory = new();

    private string Db => _directory.Of("db");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void An_examination_finds_the_last_change_of_every_length_of_batch()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(Db, Small with { IsNew = true });
        var random = new Random(4711);
        ulong last = 0;
        for (int i = 0; i < 300; i++)
        {
            // Lengths that end just before, at and behind the ends of blocks, and batches of many blocks.
            int count = 1 + random.Next(3);
            int length = (i % 4) switch { 0 => 32_700 + random.Next(80), 1 => random.Next(100), 2 => random.Next(100_000), _ => random.Next(2000) };
            Write(engine, i, count, length);
            last += (ulong)count;
            var examination = LogExamination.Of(Db);
            Assert.True(examination.IsPlain, $"batch {i}");
            Assert.Equal(last, examination.LastSequence);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Damage_in_the_middle_of_a_log_is_named_and_not_left_out(bool isReadOnly)
    {
        (string damaged, long offset) = Damage(whole => (whole / 2, 16));
        for (int attempt = 0; attempt < 2; attempt++)
        {
            StoreException e = Assert.Throws<StoreException>(() => isReadOnly ? RocksDbEngine.OpenReadOnly(Db, new EngineOptions()) : RocksDbEngine.Open(Db, new EngineOptions()));
            Assert.Equal(StoreFailure.Corrupt, e.Failure);
            Assert.Contains(damaged, e.Message, StringComparison.Ordinal);
            Assert.Contains("whimbrel backup restore", e.Message, StringComparison.Ordinal);
        }

        Assert.True(File.Exists(damaged));
        Assert.InRange(LogExamination.Of(Db).LastSequence, 99ul, 100ul);
        Assert.True(offset > 0);
    }

    [Fact]
    public void A_page_of_zeros_in_a_log_is_damage()
    {
        Damage(whole => (whole / 4096 / 2 * 4096, 4096), zeros: true);
        Assert.Equal(StoreFailure.Corrupt, Assert.Throws<StoreException>(() => RocksDbEngine.Open(Db, new EngineOptions())).Failure);
    }

    [Fact]
    public void Damage_in_the_last_batch_is_what_a_crash_leaves()
    {
        Damage(whole => (whole - 300, 16));
        using RocksDbEngine engine = RocksDbEngine.Open(Db, new EngineOptions());
        Assert.Equal(99, Count(engine));
    }

    [Fact]
    public void A_torn_batch_of_many_blocks_whose_later_blocks_are_on_the_disk_is_what_a_crash_leaves()
    {
        FillAndCopy(engine => Write(engine, 100, 1, 500_000));
        using (FileStream log = LogOf(Db))
        {
            log.Seek(-300_000, SeekOrigin.End);
            log.Write(new byte[40_000]);
        }

        using RocksDbEngine after = RocksDbEngine.Open(Db, new EngineOptions());
        Assert.Equal(100, Count(after));
    }

    [Fact]
    public void A_log_that_is_missing_between_others_is_damage()
    {
        // The messages' buffer is turned into tables again and again, which begins new logs; a record of State keeps the old ones alive.
        using (RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("from"), Small with { IsNew = true, LogBytesMax = 64 * 1024 * 1024 }))
        {
            var batch = new EngineBatch();
            batch.Put(Family.State, "kept"u8, "in the log"u8);
            engine.Write(batch);
            for (int i = 0; i < 400; i++)
            {
                Write(engine, i, 1, 10_000);
                batch.Clear();
                batch.Put(Family.State, Bytes($"state {i}"), "x"u8);
                engine.Write(batch);
            }

            TempDirectory.Copy(_directory.Of("from"), Db);
        }

        string[] logs = [.. Directory.GetFiles(Db, "*.log").Order(StringComparer.Ordinal)];
        Assert.True(logs.Length >= 3, $"{logs.Length} logs");
        foreach (string missing in logs[..^1])
        {
            string copy = _directory.Of(Path.GetFileName(missing));
            TempDirectory.Copy(Db, copy);
            File.Delete(Path.Combine(copy, Path.GetFileName(missing)));
            Assert.Equal(StoreFailure.Corrupt, Assert.Throws<StoreException>(() => RocksDbEngine.Open(copy, new EngineOptions())).Failure);
        }

        RocksDbEngine.Open(Db, new EngineOptions()).Dispose();
    }

    [Fact]
    public void Logs_that_were_written_for_long_are_plain_at_every_moment()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("from"), Small with { IsNew = true });
        for (int i = 0; i < 3000; i++)
        {
            Write(engine, i, 2, 3000);
            if (i % 300 != 299)
                continue;
            string copy = _directory.Of($"copy-{i}");
            TempDirectory.Copy(_directory.Of("from"), copy);
            using RocksDbEngine after = RocksDbEngine.Open(copy, new EngineOptions());
            Assert.Equal((i + 1) * 2, Count(after));
        }
    }

    private (string File, long Offset) Damage(Func<long, (long Offset, int Length)> where, bool zeros = false)
    {
        FillAndCopy(_ => { });
        using FileStream log = LogOf(Db);
        (long offset, int length) = where(log.Length);
        byte[] bytes = new byte[length];
        log.Seek(offset, SeekOrigin.Begin);
        log.ReadExactly(bytes);
        log.Seek(offset, SeekOrigin.Begin);
        log.Write(zeros ? new byte[length] : [.. bytes.Select(value => (byte)~value)]);
        return (log.Name, offset);
    }

    private void FillAndCopy(Action<RocksDbEngine> more)
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("from"), new EngineOptions { IsNew = true });
        for (int i = 0; i < 100; i++)
            Write(engine, i, 1, 1000);
        more(engine);
        TempDirectory.Copy(_directory.Of("from"), Db);
    }

    private static void Write(RocksDbEngine engine, int number, int count, int length)
    {
        var batch = new EngineBatch();
        byte[] value = new byte[length];
        new Random(number).NextBytes(value);
        for (int i = 0; i < count; i++)
            batch.Put(Family.Messages, Bytes($"{number:D6} {i}"), value);
        engine.Write(batch);
    }

    private static int Count(RocksDbEngine engine)
    {
        int count = 0;
        engine.Scan(Family.Messages, [], [], (_, _) => count++);
        return count;
    }

    private static FileStream LogOf(string directory) =>
        new(Directory.GetFiles(directory, "*.log").MaxBy(file => new FileInfo(file).Length)!, FileMode.Open, FileAccess.ReadWrite);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
