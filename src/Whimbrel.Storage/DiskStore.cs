using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>How much memory and log a <see cref="DiskStore"/> takes.</summary>
public enum StoreProfile : byte
{
    /// <summary>For machines with a gigabyte and more: up to 128 MB of memory for what is being written, 64 MB of log.</summary>
    Standard,

    /// <summary>For small machines: an eighth of that memory, a quarter of that log.</summary>
    Small,
}

/// <summary>How a <see cref="DiskStore"/> is opened.</summary>
public sealed record DiskStoreOptions
{
    /// <summary>Bytes that must be free on the disk; with less, the store says that it has no room.</summary>
    public long MinimumFreeBytes { get; init; } = 128 * 1024 * 1024;

    public StoreProfile Profile { get; init; }
}

/// <summary>The store in a data directory.</summary>
public static class DiskStore
{
    /// <summary>Opens a data directory for this process alone, or makes it where there is none.</summary>
    /// <param name="directory">Where. Nobody else should write there.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="StoreException">The directory is in use, not a data directory, of another format, damaged or not accessible.</exception>
    public static DurableStore Open(string directory, DiskStoreOptions? options = null)
    {
        options ??= new DiskStoreOptions();
        DataDirectory data = DataDirectory.Open(directory);
        try
        {
            EngineOptions profile = options.Profile == StoreProfile.Small ? EngineOptions.Small : new EngineOptions();
            var engine = RocksDbEngine.Open(data.StorePath, profile with { IsNew = data.IsNew });
            if (data.IsNew)
                DataDirectory.Name(data.Path);
            DataCheckpoint.RemoveLeft(data.Path);
            return new LayoutStore(engine, data.Path, new Both(engine, data), () => HasRoom(data.Path, options.MinimumFreeBytes));
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Opens a data directory that nobody uses, to read what is there.</summary>
    /// <exception cref="StoreException">As with <see cref="Open"/>; and there has to be one.</exception>
    internal static DurableStore OpenReadOnly(string directory)
    {
        DataDirectory data = DataDirectory.OpenExisting(directory);
        try
        {
            var engine = RocksDbEngine.OpenReadOnly(data.StorePath, new EngineOptions());
            return new LayoutStore(engine, data.Path, new Both(engine, data));
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Makes a checkpoint of an open store, while it is being written.</summary>
    /// <param name="store">From <see cref="Open"/>.</param>
    /// <param name="name">From <see cref="DataCheckpoint.NewName"/>.</param>
    /// <exception cref="StoreException">There is none.</exception>
    internal static void Checkpoint(DurableStore store, string name)
    {
        var layout = (LayoutStore)store;
        DataCheckpoint.Make(layout.Location, name, layout.Engine);
    }

    /// <summary>Makes a checkpoint of a data directory that nobody uses.</summary>
    /// <returns>The checkpoint's directory.</returns>
    /// <exception cref="StoreException">The data directory cannot be opened, or there is no checkpoint.</exception>
    internal static string Checkpoint(string directory)
    {
        using DataDirectory data = DataDirectory.OpenExisting(directory);
        DataCheckpoint.RemoveLeft(data.Path);
        using var engine = RocksDbEngine.Open(data.StorePath, new EngineOptions());
        return DataCheckpoint.Make(data.Path, DataCheckpoint.NewName(), engine);
    }

    private static bool HasRoom(string path, long minimumFreeBytes)
    {
        try
        {
            return new DriveInfo(path).AvailableFreeSpace >= minimumFreeBytes;
        }
        catch (IOException)
        {
            // Who cannot be asked is not known to be full; a write will tell.
            return true;
        }
    }

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
