using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    private string Data => _directory.Of("data");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_directory_that_is_not_there_is_made_for_its_owner_alone()
    {
        DiskStore.Open(Data).Dispose();
        string[] lines = File.ReadAllLines(Path.Combine(Data, "WHIMBREL"));
        Assert.Equal("Whimbrel data directory, format 1", lines[0]);
        Assert.StartsWith("made by Whimbrel ", lines[1], StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
        DiskStore.Open(Data).Dispose();
    }

    [Theory]
    [InlineData("LOCK")]
    [InlineData("LOCK", "PID", "WHIMBREL.new")]
    [InlineData("LOCK", "PID", "WHIMBREL.new", "store/LOCK", "store/LOG", "store/MANIFEST-000001", "store/000001.dbtmp")]
    public void An_initialisation_that_was_interrupted_begins_again(params string[] left)
    {
        Leave(left);
        DiskStore.Open(Data).Dispose();
        Assert.Equal(["LOCK", "WHIMBREL", "store"], Directory.EnumerateFileSystemEntries(Data).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        DiskStore.Open(Data).Dispose();
    }

    [Fact]
    public void An_initialisation_that_was_interrupted_between_the_engine_s_families_begins_again()
    {
        using (DataDirectory data = DataDirectory.Open(Data))
        {
            Assert.True(data.IsNew);
            RocksDbEngine.Open(data.StorePath, new EngineOptions { IsNew = true }).Dispose();
        }

        Assert.False(File.Exists(Path.Combine(Data, "WHIMBREL")));
        DiskStore.Open(Data).Dispose();
        Assert.True(File.Exists(Path.Combine(Data, "WHIMBREL")));
    }

    [Fact]
    public void A_store_whose_name_was_lost_is_not_taken_for_an_interrupted_initialisation()
    {
        DiskStore.Open(Data).Dispose();
        File.Delete(Path.Combine(Data, "WHIMBREL"));
        Refused(StoreFailure.Foreign, Data, "store", "WHIMBREL");
        Leave("WHIMBREL.new", "store/000009.sst");
        Refused(StoreFailure.Corrupt, Path.Combine(Data, "WHIMBREL"), "backup restore");
        Assert.True(File.Exists(Path.Combine(Data, "store", "CURRENT")));
    }

    [Fact]
    public void A_restore_that_was_interrupted_is_said()
    {
        Leave("restoring-1/WHIMBREL", "store/CURRENT");
        Refused(StoreFailure.Foreign, Data, "restoring-1", "restore again");
    }

    [Theory]
    [InlineData("CURRENT")]
    [InlineData("MANIFEST-*")]
    public void A_file_of_the_store_that_is_missing_is_named(string pattern)
    {
        DiskStore.Open(Data).Dispose();
        string file = Directory.GetFiles(Path.Combine(Data, "store"), pattern).Single();
        File.Delete(file);
        Refused(StoreFailure.Corrupt, Data, file, "whimbrel backup restore");
        Assert.False(File.Exists(file));
    }

    [Fact]
    public void A_store_without_a_log_is_damage()
    {
        DiskStore.Open(Data).Dispose();
        foreach (string log in Directory.GetFiles(Path.Combine(Data, "store"), "*.log"))
            File.Delete(log);
        Refused(StoreFailure.Corrupt, Path.Combine(Data, "store"), "no log", "whimbrel backup restore");
    }

    [Fact]
    public void Who_only_reads_makes_nothing()
    {
        Assert.Equal(StoreFailure.Inaccessible, Assert.Throws<StoreException>(() => DiskStore.OpenReadOnly(Data)).Failure);
        Assert.False(Directory.Exists(Data));
        Directory.CreateDirectory(Data);
        Assert.Equal(StoreFailure.Foreign, Assert.Throws<StoreException>(() => DiskStore.OpenReadOnly(Data)).Failure);
        Assert.Empty(Directory.GetFileSystemEntries(Data));
    }

    [Fact]
    public void Who_only_reads_waits_for_nobody_and_is_told_who_uses_it()
    {
        using DurableStore first = DiskStore.Open(Data);
        StoreException e = Assert.Throws<StoreException>(() => DiskStore.OpenReadOnly(Data));
        Assert.Equal(StoreFailure.Locked, e.Failure);
        Assert.Contains($"(process {Environment.ProcessId})", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_in_use_names_who_uses_it()
    {
        using DurableStore first = DiskStore.Open(Data);
        Refused(StoreFailure.Locked, Data, $"(process {Environment.ProcessId})", "--data");
    }

    [Fact]
    public void A_directory_with_other_files_is_left_alone()
    {
        Directory.CreateDirectory(Data);
        string file = Path.Combine(Data, "thesis.tex");
        File.WriteAllText(file, "important");
        Refused(StoreFailure.Foreign, Data, "WHIMBREL");
        Assert.Equal([file], Directory.GetFileSystemEntries(Data));
    }

    [Theory]
    [InlineData("Whimbrel data directory, format 2", StoreFailure.OtherVersion, "format 2", "format 1")]
    [InlineData("Whimbrel data directory, format ", StoreFailure.Corrupt, "WHIMBREL", "backup restore")]
    [InlineData("something else", StoreFailure.Corrupt, "WHIMBREL", "backup restore")]
    public void Another_format_and_a_damaged_name_are_told_apart(string text, StoreFailure failure, params string[] said)
    {
        DiskStore.Open(Data).Dispose();
        File.WriteAllText(Path.Combine(Data, "WHIMBREL"), text);
        Refused(failure, said);
    }

    [Fact]
    public void A_store_that_has_gone_is_damage_and_never_a_fresh_start()
    {
        DiskStore.Open(Data).Dispose();
        Directory.Delete(Path.Combine(Data, "store"), recursive: true);
        Refused(StoreFailure.Corrupt, Path.Combine(Data, "store"), "is missing", "whimbrel backup restore");
        Assert.False(Directory.Exists(Path.Combine(Data, "store")));
    }

    [Fact]
    public void A_place_where_no_directory_can_be_is_said()
    {
        File.WriteAllText(Data, "a file");
        Refused(StoreFailure.Inaccessible, Data);
    }

    [Fact]
    public void Too_little_room_is_known_before_the_disk_is_full()
    {
        using (DurableStore store = DiskStore.Open(Data, new DiskStoreOptions { MinimumFreeBytes = long.MaxValue }))
            Assert.False(store.HasRoom);
        using (DurableStore store = DiskStore.Open(Data, new DiskStoreOptions { MinimumFreeBytes = 1 }))
            Assert.True(store.HasRoom);
    }

    private void Leave(params string[] files)
    {
        foreach (string file in files.Select(file => Path.Combine(Data, file)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, "");
        }
    }

    private void Refused(StoreFailure failure, params string[] said)
    {
        StoreException e = Assert.Throws<StoreException>(() => DiskStore.Open(Data));
        Assert.Equal(failure, e.Failure);
        Assert.All(said, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
    }
}
