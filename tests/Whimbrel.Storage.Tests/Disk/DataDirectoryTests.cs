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
        Assert.Equal("Whimbrel data directory, format 1\n", File.ReadAllText(Path.Combine(Data, "WHIMBREL")));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
        DiskStore.Open(Data).Dispose();
    }

    [Fact]
    public void An_initialisation_that_was_interrupted_begins_again()
    {
        Directory.CreateDirectory(Path.Combine(Data, "store"));
        File.WriteAllText(Path.Combine(Data, "LOCK"), "");
        File.WriteAllText(Path.Combine(Data, "store", "LOG"), "");
        DiskStore.Open(Data).Dispose();
        Assert.True(File.Exists(Path.Combine(Data, "WHIMBREL")));
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
        Refused(StoreFailure.Corrupt, Path.Combine(Data, "store", "CURRENT"), "whimbrel backup restore");
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

    private void Refused(StoreFailure failure, params string[] said)
    {
        StoreException e = Assert.Throws<StoreException>(() => DiskStore.Open(Data));
        Assert.Equal(failure, e.Failure);
        Assert.All(said, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
    }
}
