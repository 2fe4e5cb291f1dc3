using System.Formats.Tar;
using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>Backups of a real data directory, on disk.</summary>
public sealed class BackupTests : IDisposable
{
    private readonly string _scratch = Directory.CreateTempSubdirectory("whimbrel-backup-").FullName;
    private readonly Backups _backups = new(DiskStore.OpenReadOnly, "1.2.3", TimeProvider.System);

    public static TheoryData<string> Targets() => ["backup", "backup.tar"];

    private string Data => In("data");

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Theory]
    [MemberData(nameof(Targets))]
    public void What_was_backed_up_is_verified_restored_and_told_again(string target)
    {
        List<string> before = FillData();
        BackupManifest manifest = Create(target);
        Assert.Equal(new BackupCounts(2, 1, 1), manifest.Counts);
        Assert.Equal(manifest.Counts, _backups.Verify(In(target), default).Counts);

        _backups.Restore(In(target), In("restored"), default);
        using DurableStore restored = DiskStore.Open(In("restored"));
        Assert.Equal(before, ToldStore.From(restored).Lines);
        restored.Write(Batches.Of(Batches.Session(3)));
        Assert.Equal(["LOCK", "PID", "WHIMBREL", "store"], Directory.EnumerateFileSystemEntries(In("restored")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_backup_is_made_while_the_store_is_written()
    {
        using DurableStore store = DiskStore.Open(Data);
        store.Recover(new ToldStore());
        store.Write(Batches.Of(Batches.Session(1)));
        string name = DataCheckpoint.NewName();
        DiskStore.Checkpoint(store, name);
        store.Write(Batches.Of(Batches.Session(2)));
        BackupManifest manifest = _backups.Create(Path.Combine(Data, name), In("backup"), default);
        Assert.Equal(1, manifest.Counts.Sessions);
    }

    [Fact]
    public void A_checkpoint_that_nobody_removed_goes_at_the_next_start()
    {
        FillData();
        string left = DiskStore.Checkpoint(Data);
        DiskStore.Open(Data).Dispose();
        Assert.False(Directory.Exists(left));
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("store")]
    [InlineData("checkpoint-../../x")]
    public void A_checkpoint_gets_no_name_but_its_own(string name)
    {
        using DurableStore store = DiskStore.Open(Data);
        Assert.Throws<StoreException>(() => DiskStore.Checkpoint(store, name));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_byte_of_a_backup_counts(string target)
    {
        FillData();
        Create(target);
        IEnumerable<string> files = File.Exists(In(target)) ? [In(target)] : Directory.EnumerateFiles(In(target), "*", SearchOption.AllDirectories);
        foreach (string file in files.ToList())
        {
            byte[] good = File.ReadAllBytes(file);
            if (good.Length == 0)
                continue;
            byte[] bad = [.. good];
            bad[good.Length / 3] ^= 0x10;
            AssertRefused(file, bad);
            AssertRefused(file, good[..(good.Length / 2)]);
            File.WriteAllBytes(file, good);
        }

        _backups.Verify(In(target), default);

        void AssertRefused(string file, byte[] content)
        {
            File.WriteAllBytes(file, content);
            StoreException failure = Assert.Throws<StoreException>(() => _backups.Verify(In(target), default));
            Assert.Contains(In(target), failure.Message, StringComparison.Ordinal);
            Assert.Throws<StoreException>(() => _backups.Restore(In(target), In("never"), default));
            Assert.False(Directory.Exists(In("never")));
        }
    }

    [Fact]
    public void A_file_too_few_or_too_many_is_named()
    {
        FillData();
        Create("backup");
        string current = Path.Combine(In("backup"), "store", "CURRENT");
        File.Move(current, In("CURRENT"));
        Assert.Contains("store/CURRENT is missing", Fails(() => _backups.Verify(In("backup"), default)), StringComparison.Ordinal);
        File.Copy(In("CURRENT"), current);
        File.Copy(current, current + "2");
        Assert.Contains("does not know the file store/CURRENT2", Fails(() => _backups.Verify(In("backup"), default)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tar_file_cannot_write_where_it_wants()
    {
        using (FileStream file = File.Create(In("evil.tar")))
        using (var tar = new TarWriter(file))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "../outside") { DataStream = new MemoryStream("x"u8.ToArray()) });
        Assert.Contains("names a file '../outside' that cannot be", Fails(() => _backups.Verify(In("evil.tar"), default)), StringComparison.Ordinal);
        using (FileStream file = File.Create(In("evil.tar")))
        using (var tar = new TarWriter(file))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "store") { LinkName = "/" });
        Assert.Contains("the entry store is not a file", Fails(() => _backups.Verify(In("evil.tar"), default)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_backup_is_called_so()
    {
        Directory.CreateDirectory(In("photos"));
        File.WriteAllText(Path.Combine(In("photos"), "cat.jpg"), "miaow");
        Assert.Contains("is not a backup of Whimbrel", Fails(() => _backups.Verify(In("photos"), default)), StringComparison.Ordinal);
        File.WriteAllText(In("text.tar"), "this is no tar file");
        Assert.Contains("use another backup", Fails(() => _backups.Verify(In("text.tar"), default)), StringComparison.Ordinal);
        Assert.Contains("there is no backup", Fails(() => _backups.Verify(In("nothing"), default)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_of_another_format_is_refused_by_its_number()
    {
        FillData();
        Create("backup");
        string manifest = Path.Combine(In("backup"), BackupManifest.FileName);
        string text = File.ReadAllText(manifest);
        File.WriteAllText(manifest, text.Replace("\"backup\": 1", "\"backup\": 7", StringComparison.Ordinal));
        Assert.Contains("of format 7, made by version 1.2.3, cannot be read: this version reads format 1", Fails(() => _backups.Verify(In("backup"), default)), StringComparison.Ordinal);
        File.WriteAllText(manifest, text.Replace("\"sessions\": 2", "\"sessions\": 3", StringComparison.Ordinal));
        Assert.Contains("its manifest says 3 sessions, 1 queued messages, 1 retained messages, its store holds 2", Fails(() => _backups.Verify(In("backup"), default)), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_overwritten()
    {
        FillData();
        Create("backup");
        Assert.Contains("exists already", Fails(() => Create("backup")), StringComparison.Ordinal);
        Assert.Contains("is not empty", Fails(() => _backups.Restore(In("backup"), Data, default)), StringComparison.Ordinal);
        Assert.Contains("does not exist", Fails(() => Create("no/such/place")), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void What_is_interrupted_leaves_nothing(string target)
    {
        FillData();
        string checkpoint = DiskStore.Checkpoint(Data);
        Assert.Throws<OperationCanceledException>(() => _backups.Create(checkpoint, In(target), new CancellationToken(canceled: true)));
        _backups.Create(checkpoint, In("whole"), default);
        Assert.Throws<OperationCanceledException>(() => _backups.Restore(In("whole"), In("restored"), new CancellationToken(canceled: true)));
        Assert.Equal(["data", "whole"], Directory.EnumerateFileSystemEntries(_scratch).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_backup_is_for_its_owner_s_eyes()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there are no modes");
        FillData();
        Create("backup.tar");
        Create("backup");
        Assert.Equal(PrivateFiles.FileMode, new FileInfo(In("backup.tar")).UnixFileMode);
        Assert.Equal(PrivateFiles.FileMode | UnixFileMode.UserExecute, new DirectoryInfo(In("backup")).UnixFileMode);
        Assert.Equal(PrivateFiles.FileMode, new FileInfo(Path.Combine(In("backup"), "store", "CURRENT")).UnixFileMode);
    }

    private static string Fails(Action action) => Assert.Throws<StoreException>(action).Message;

    private string In(string name) => Path.Combine(_scratch, name);

    private BackupManifest Create(string target)
    {
        string checkpoint = DiskStore.Checkpoint(Data);
        try
        {
            return _backups.Create(checkpoint, In(target), default);
        }
        finally
        {
            Directory.Delete(checkpoint, recursive: true);
        }
    }

    private List<string> FillData()
    {
        using DurableStore store = DiskStore.Open(Data);
        store.Recover(new ToldStore());
        StoreBatch batch = Batches.Of(Batches.Session(1, "one"), Batches.Session(2, "two"), Batches.Subscription(1, "a"))
            .With(Batches.Queued(1, Batches.Message("a", "queued"), (1, 1)));
        batch.Retained.Add(Encoding.UTF8.GetBytes("r"), Batches.Message("r", "retained"));
        store.Write(batch);
        return ToldStore.From(store).Lines;
    }
}
