using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>How a <see cref="DiskStore"/> is opened.</summary>
public sealed record DiskStoreOptions
{
    /// <summary>Bytes that must be free on the disk; with less, the store says that it has no room.</summary>
    public long MinimumFreeBytes { get; init; } = 64 * 1024 * 1024;
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
            var engine = RocksDbEngine.Open(data.StorePath, new EngineOptions { IsNew = data.IsNew });
            if (data.IsNew)
                DataDirectory.Name(data.Path);
            return new LayoutStore(engine, data.Path, new Both(engine, data), () => HasRoom(data.Path, options.MinimumFreeBytes));
        }
        catch
        {
            data.Dispose();
            throw;
        }
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
