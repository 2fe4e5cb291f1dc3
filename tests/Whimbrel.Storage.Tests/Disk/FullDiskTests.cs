using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

public sealed class FullDiskTests : IDisposable
{
    /// <summary>An end for every wait; RocksDB looks for room every five seconds.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_full_disk_refuses_writes_loses_nothing_and_is_written_again_when_there_is_room()
    {
        using var disk = new SmallDisk(megabytes: 48);
        using RocksDbEngine engine = RocksDbEngine.Open(disk.Of("db"), EngineOptions.Small with { IsNew = true });
        int written = 0;
        for (int round = 0; round < 2; round++)
        {
            disk.Fill(leave: 3_000_000);
            StoreException? refused = null;
            for (; (refused = TryWrite(engine, written)) is null; written++)
                Assert.True(written < 10_000, "the disk does not get full");
            Assert.Equal(StoreFailure.Full, refused.Failure);
            Assert.Contains(disk.Of("db"), refused.Message, StringComparison.Ordinal);
            Assert.Contains("make room", refused.Message, StringComparison.Ordinal);
            Assert.Equal(StoreFailure.Full, TryWrite(engine, written)?.Failure);
            Assert.Equal(written * 2, Count(engine));

            // A crash while it was full: what was refused may be there or not, as a whole; what was written is.
            string crash = _directory.Of($"crash-{round}");
            TempDirectory.Copy(disk.Of("db"), crash);
            using (RocksDbEngine after = RocksDbEngine.Open(crash, EngineOptions.Small))
                Assert.Contains(Count(after), new[] { written * 2, (written + 1) * 2 });

            disk.MakeRoom();
            Assert.True(SpinWait.SpinUntil(() => TryWrite(engine, written) is null, Limit), "still refused after there is room");
            written++;
            Assert.Equal(written * 2, Count(engine));
        }
    }

    [Fact]
    public void A_store_on_a_full_disk_is_not_called_locked_or_damaged_and_can_be_read()
    {
        using var disk = new SmallDisk(megabytes: 32);
        DiskStore.Open(disk.Of("data")).Dispose();
        disk.Fill(leave: 0);
        StoreException e = Assert.Throws<StoreException>(() => DiskStore.Open(disk.Of("data")));
        Assert.Equal(StoreFailure.Full, e.Failure);
        Assert.Contains(disk.Of("data"), e.Message, StringComparison.Ordinal);
        Assert.Equal(StoreFailure.Full, Assert.Throws<StoreException>(() => DiskStore.Open(disk.Of("other"))).Failure);
        DiskStore.OpenReadOnly(disk.Of("data")).Dispose();

        disk.MakeRoom();
        DiskStore.Open(disk.Of("data")).Dispose();
        DiskStore.Open(disk.Of("other")).Dispose();
    }

    private static StoreException? TryWrite(RocksDbEngine engine, int number)
    {
        // Two keys, so that half a batch would show.
        var batch = new EngineBatch();
        byte[] value = new byte[20_000];
        new Random(number).NextBytes(value);
        batch.Put(Family.Messages, Encoding.UTF8.GetBytes($"{number:D6} a"), value);
        batch.Put(Family.State, Encoding.UTF8.GetBytes($"{number:D6} b"), value);
        try
        {
            engine.Write(batch);
            return null;
        }
        catch (StoreException e)
        {
            return e;
        }
    }

    private static int Count(RocksDbEngine engine)
    {
        int count = 0;
        engine.Scan(Family.Messages, [], [], (_, _) => count++);
        engine.Scan(Family.State, [], [], (_, _) => count++);
        return count;
    }
}
