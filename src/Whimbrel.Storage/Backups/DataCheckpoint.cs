using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// A consistent copy of a data directory, inside of it: hard links, so it costs next to nothing and needs no permission but that of the
/// directory's owner. A running broker makes it when asked; who asked copies it away and removes it.
/// </summary>
internal static class DataCheckpoint
{
    private const string Prefix = "checkpoint-";

    public static string NewName() => $"{Prefix}{Guid.NewGuid():N}";

    /// <param name="data">The data directory, which is open.</param>
    /// <param name="name">From <see cref="NewName"/>.</param>
    /// <param name="engine">Its engine.</param>
    /// <returns>The checkpoint, itself a data directory.</returns>
    /// <exception cref="StoreException">The name is none, or it could not be made.</exception>
    public static string Make(string data, string name, IEngine engine)
    {
        // It may come from another process.
        if (!name.StartsWith(Prefix, StringComparison.Ordinal) || !name[Prefix.Length..].All(char.IsAsciiHexDigitLower))
            throw new StoreException(StoreFailure.Inaccessible, $"'{name}' is not the name of a checkpoint");
        string checkpoint = Path.Combine(data, name);
        if (Directory.Exists(checkpoint))
            throw new StoreException(StoreFailure.Inaccessible, $"{checkpoint} exists");
        try
        {
            Directory.CreateDirectory(checkpoint);
            engine.Checkpoint(Path.Combine(checkpoint, DataDirectory.StoreFolder));
            File.Copy(Path.Combine(data, DataDirectory.NameFile), Path.Combine(checkpoint, DataDirectory.NameFile));
            return checkpoint;
        }
        catch (Exception e)
        {
            Leftovers.Remove(checkpoint);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new StoreException(StoreFailure.Inaccessible, $"the checkpoint {checkpoint} cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Removes checkpoints that nobody removed: they would keep the disk's space. Only who has the data directory locked may.</summary>
    public static void RemoveLeft(string data)
    {
        foreach (string left in Directory.EnumerateDirectories(data, Prefix + "*"))
            Leftovers.Remove(left);
    }
}
