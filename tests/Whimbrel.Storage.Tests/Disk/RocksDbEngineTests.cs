using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

public sealed partial class RocksDbEngineTests : IDisposable
{
    private static readonly EngineOptions New = new() { IsNew = true };
    private static readonly EngineOptions Existing = new();

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_was_written_is_scanned_in_order_within_its_bounds_and_its_family()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        var batch = new EngineBatch();
        foreach (string key in new[] { "c", "a", "d", "b" })
            batch.Put(Family.State, Bytes(key), Bytes("value " + key));
        batch.Put(Family.Messages, Bytes("m"), []);
        engine.Write(batch);
        Assert.Equal(["a=value a", "b=value b", "c=value c", "d=value d"], All(engine, Family.State));
        Assert.Equal(["b=value b", "c=value c"], All(engine, Family.State, "b", "d"));
        Assert.Equal(["m="], All(engine, Family.Messages));
        Assert.Empty(All(engine, Family.Retained));
        batch.Clear();
        batch.Delete(Family.State, Bytes("a"));
        batch.Delete(Family.State, Bytes("was never there"));
        batch.DeleteOnce(Family.Messages, Bytes("m"));
        batch.Put(Family.State, Bytes("b"), Bytes("other"));
        engine.Write(batch);
        Assert.Equal(["b=other", "c=value c", "d=value d"], All(engine, Family.State));
        Assert.Empty(All(engine, Family.Messages));
    }

    [Fact]
    public void A_batch_is_encoded_as_RocksDB_encodes_it()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        byte[] large = new byte[70_000];
        var batch = new EngineBatch();
        batch.Put(Family.State, Bytes("key"), Bytes("value"));
        batch.Put(Family.Retained, large, large);
        batch.Delete(Family.State, Bytes("gone"));
        batch.DeleteOnce(Family.Messages, Bytes("once"));

        nint theirs = WriteBatchCreate();
        Put(theirs, engine.HandleOf(Family.State), Bytes("key"), Bytes("value"));
        Put(theirs, engine.HandleOf(Family.Retained), large, large);
        Delete(theirs, engine.HandleOf(Family.State), Bytes("gone"), 4);
        SingleDelete(theirs, engine.HandleOf(Family.Messages), Bytes("once"), 4);
        Assert.Equal(ReadBack(theirs), batch.Bytes.ToArray());
        Native.WriteBatchDestroy(theirs);
    }

    [Fact]
    public void What_a_crash_leaves_has_every_batch_whose_writing_returned()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        for (int i = 0; i < 50; i++)
        {
            Write(engine, i);
            TempDirectory.Copy(_directory.Of("db"), _directory.Of($"crash-{i}"));
        }

        for (int i = 0; i < 50; i += 7)
        {
            using RocksDbEngine after = RocksDbEngine.Open(_directory.Of($"crash-{i}"), Existing);
            Assert.Equal((i + 1) * 2, All(after, Family.State).Count);
        }
    }

    [Fact]
    public void A_torn_log_opens_at_a_whole_batch_and_rubbish_behind_it_loses_nothing()
    {
        using (RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New))
        {
            for (int i = 0; i < 50; i++)
                Write(engine, i);
            TempDirectory.Copy(_directory.Of("db"), _directory.Of("whole"));
        }

        for (int cut = 1; cut < 400; cut += 13)
        {
            string torn = _directory.Of($"torn-{cut}");
            TempDirectory.Copy(_directory.Of("whole"), torn);
            using (FileStream log = LogOf(torn))
                log.SetLength(log.Length - cut);
            using RocksDbEngine after = RocksDbEngine.Open(torn, Existing);
            int keys = All(after, Family.State).Count;
            Assert.True(keys % 2 == 0 && keys < 100, $"{keys} keys after {cut} bytes were cut");
        }

        string rubbish = _directory.Of("rubbish");
        TempDirectory.Copy(_directory.Of("whole"), rubbish);
        using (FileStream log = LogOf(rubbish))
        {
            log.Seek(0, SeekOrigin.End);
            log.Write(Enumerable.Range(0, 300).Select(i => (byte)(i * 37)).ToArray());
        }

        using RocksDbEngine kept = RocksDbEngine.Open(rubbish, Existing);
        Assert.Equal(100, All(kept, Family.State).Count);
    }

    [Theory]
    [InlineData("CURRENT")]
    [InlineData("MANIFEST-*")]
    [InlineData("*.sst")]
    public void A_file_that_is_missing_is_damage_and_nothing_is_made_anew(string pattern)
    {
        using (RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New with { MessageBufferBytes = 64 * 1024, OtherBufferBytes = 64 * 1024 }))
        {
            for (int i = 0; i < 2000; i++)
                Write(engine, i);
        }

        string[] missing = Directory.GetFiles(_directory.Of("db"), pattern);
        Assert.NotEmpty(missing);
        File.Delete(missing[0]);
        StoreException e = Assert.Throws<StoreException>(() => RocksDbEngine.Open(_directory.Of("db"), Existing));
        Assert.Equal(StoreFailure.Corrupt, e.Failure);
        Assert.Contains(_directory.Of("db"), e.Message, StringComparison.Ordinal);
        Assert.Contains("whimbrel backup restore", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_is_a_store_as_it_was_and_the_writing_goes_on()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        Write(engine, 1);
        engine.Checkpoint(_directory.Of("copy"));
        Write(engine, 2);
        using RocksDbEngine copy = RocksDbEngine.OpenReadOnly(_directory.Of("copy"), Existing);
        Assert.Equal(2, All(copy, Family.State).Count);
        Assert.Equal(4, All(engine, Family.State).Count);
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_made_names_its_place_and_harms_nothing()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        Write(engine, 1);
        Directory.CreateDirectory(_directory.Of("taken"));
        StoreException e = Assert.Throws<StoreException>(() => engine.Checkpoint(_directory.Of("taken")));
        Assert.Equal(StoreFailure.Inaccessible, e.Failure);
        Assert.Contains(_directory.Of("taken"), e.Message, StringComparison.Ordinal);
        Write(engine, 2);
        Assert.Equal(4, All(engine, Family.State).Count);
    }

    [Fact]
    public void A_closed_engine_says_so_and_is_opened_again()
    {
        RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), New);
        Write(engine, 1);
        StoreException e = Assert.Throws<StoreException>(() => RocksDbEngine.Open(_directory.Of("db"), Existing));
        Assert.Equal(StoreFailure.Locked, e.Failure);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Write(engine, 2));
        Assert.Throws<ObjectDisposedException>(() => All(engine, Family.State));
        Assert.Throws<ObjectDisposedException>(() => engine.Measure());
        using RocksDbEngine again = RocksDbEngine.Open(_directory.Of("db"), Existing);
        Assert.Equal(2, All(again, Family.State).Count);
    }

    [Fact]
    public void What_the_engine_holds_is_measured()
    {
        using RocksDbEngine engine = RocksDbEngine.Open(_directory.Of("db"), EngineOptions.Small with { IsNew = true });
        EngineStatistics empty = engine.Measure();
        Assert.Equal(0, empty.TableBytes);
        for (int i = 0; i < 100; i++)
            Write(engine, i);
        EngineStatistics written = engine.Measure();
        Assert.InRange(written.LogBytes, 100 * 200, 100 * 400);
        Assert.True(written.BufferBytes > empty.BufferBytes);
        engine.Checkpoint(_directory.Of("flushes"));
        Assert.InRange(engine.Measure().TableBytes, 1, 100 * 400);
    }

    [Theory]
    [InlineData("linux-x64", "rocksdb", "rocksdb-musl")]
    [InlineData("debian.12-arm64", "rocksdb", "rocksdb-musl")]
    [InlineData("linux-musl-x64", "rocksdb-musl", "rocksdb")]
    [InlineData("alpine.3.22-x64", "rocksdb-musl", "rocksdb")]
    [InlineData("osx-arm64", "rocksdb")]
    [InlineData("win-x64", "rocksdb")]
    public void The_library_of_the_system_is_tried_first(string system, params string[] names) => Assert.Equal(names, NativeLibraryName.Candidates(system));

    [Theory]
    [InlineData("IO error: No space left on device: While appending to file: x", StoreFailure.Full)]
    [InlineData("IO error: While appending to file: x: Disk quota exceeded", StoreFailure.Full)]
    [InlineData("IO error: While fdatasync: x: Input/output error", StoreFailure.Broken)]
    [InlineData("Corruption: checksum mismatch", StoreFailure.Broken)]
    public void What_RocksDB_says_of_a_write_gets_a_name(string text, StoreFailure failure) => Assert.Equal(failure, EngineError.Writing(text, "x").Failure);

    [Theory]
    [InlineData("IO error: No space left on device: While open a file for appending: x", StoreFailure.Full)]
    [InlineData("IO error: While lock file: /x/LOCK: Resource temporarily unavailable", StoreFailure.Locked)]
    [InlineData("IO error: lock hold by current process, acquire time 1 acquiring thread 2: /x/LOCK: No locks available", StoreFailure.Locked)]
    [InlineData("IO error: While open a file: x: Permission denied", StoreFailure.Inaccessible)]
    [InlineData("IO error: While open a file for random read: x: Too many open files", StoreFailure.Inaccessible)]
    [InlineData("IO error: While pread offset 0 len 10: x: Input/output error", StoreFailure.Inaccessible)]
    [InlineData("IO error: No such file or directory: While open a file for random read: x", StoreFailure.Corrupt)]
    [InlineData("Corruption: checksum mismatch", StoreFailure.Corrupt)]
    [InlineData("Invalid argument: Column family not found: state", StoreFailure.Corrupt)]
    public void What_RocksDB_says_while_it_opens_and_reads_gets_a_name(string text, StoreFailure failure) => Assert.Equal(failure, EngineError.Reading(text, "x").Failure);

    private static void Write(RocksDbEngine engine, int number)
    {
        // Two keys, so that half a batch would show.
        var batch = new EngineBatch();
        batch.Put(Family.State, Bytes($"{number:D6} a"), new byte[100]);
        batch.Put(Family.State, Bytes($"{number:D6} b"), new byte[100]);
        engine.Write(batch);
    }

    private static List<string> All(IEngine engine, Family family, string from = "", string to = "")
    {
        var entries = new List<string>();
        engine.Scan(family, Bytes(from), Bytes(to), (key, value) => entries.Add($"{Encoding.UTF8.GetString(key)}={Encoding.UTF8.GetString(value)}"));
        return entries;
    }

    /// <summary>The log that is written: the one that has something in it.</summary>
    private static FileStream LogOf(string directory) =>
        new(Directory.GetFiles(directory, "*.log").MaxBy(file => new FileInfo(file).Length)!, FileMode.Open, FileAccess.ReadWrite);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static unsafe byte[] ReadBack(nint batch)
    {
        byte* bytes = WriteBatchData(batch, out nuint length);
        return new ReadOnlySpan<byte>(bytes, (int)length).ToArray();
    }

    private static void Put(nint batch, nint family, byte[] key, byte[] value) => Put(batch, family, key, (nuint)key.Length, value, (nuint)value.Length);

    [LibraryImport("rocksdb", EntryPoint = "rocksdb_writebatch_create")]
    private static partial nint WriteBatchCreate();

    [LibraryImport("rocksdb", EntryPoint = "rocksdb_writebatch_put_cf")]
    private static partial void Put(nint batch, nint family, byte[] key, nuint keyLength, byte[] value, nuint valueLength);

    [LibraryImport("rocksdb", EntryPoint = "rocksdb_writebatch_delete_cf")]
    private static partial void Delete(nint batch, nint family, byte[] key, nuint keyLength);

    [LibraryImport("rocksdb", EntryPoint = "rocksdb_writebatch_singledelete_cf")]
    private static partial void SingleDelete(nint batch, nint family, byte[] key, nuint keyLength);

    [LibraryImport("rocksdb", EntryPoint = "rocksdb_writebatch_data")]
    private static unsafe partial byte* WriteBatchData(nint batch, out nuint length);
}
