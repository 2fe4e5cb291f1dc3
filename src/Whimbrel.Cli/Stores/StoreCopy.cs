using Whimbrel.Broker;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Stores;

/// <summary>
/// A moment of a data directory that can be read at leisure: a checkpoint, made by this process when nobody uses the directory, otherwise by
/// the broker that does. Gone when disposed.
/// </summary>
internal sealed class StoreCopy : IDisposable
{
    private StoreCopy(string path) => Path = path;

    /// <summary>Itself a data directory.</summary>
    public string Path { get; }

    /// <exception cref="StoreException">There is none.</exception>
    /// <exception cref="CommandFailure">A broker uses the directory and does not make one.</exception>
    public static async Task<StoreCopy> TakeAsync(string data, CancellationToken cancel)
    {
        try
        {
            return new StoreCopy(DiskStore.Checkpoint(data));
        }
        catch (StoreException e) when (e.Failure == StoreFailure.Locked)
        {
            return await AskAsync(data, e, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Reads what a data directory holds. One that nobody uses is read where it is and not changed.</summary>
    /// <exception cref="StoreException">It cannot be read.</exception>
    /// <exception cref="CommandFailure">A broker uses the directory and does not make a checkpoint.</exception>
    public static async Task<StoreInspection> InspectAsync(string data, CancellationToken cancel)
    {
        try
        {
            return Inspect(data);
        }
        catch (StoreException e) when (e.Failure == StoreFailure.Locked)
        {
            using var copy = await AskAsync(data, e, cancel).ConfigureAwait(false);
            return Inspect(copy.Path);
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is done with; the broker's next start removes what is left.
        }
    }

    private static async Task<StoreCopy> AskAsync(string data, StoreException cause, CancellationToken cancel)
    {
        string name = DataCheckpoint.NewName();
        await ControlClient.CheckpointAsync(data, name, cause.Message, cancel).ConfigureAwait(false);
        return new StoreCopy(System.IO.Path.Combine(data, name));
    }

    private static StoreInspection Inspect(string directory)
    {
        using var store = DiskStore.OpenReadOnly(directory);
        return StoreInspection.Read(store);
    }
}
