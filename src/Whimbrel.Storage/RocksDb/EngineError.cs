using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>What RocksDB says, as a failure of ours that names the place and the remedy.</summary>
internal static class EngineError
{
    private const string Restore = "restore a backup with 'whimbrel backup restore'";

    /// <summary>For what goes wrong while files are opened or read.</summary>
    public static StoreException Reading(string text, string path)
    {
        if (Common(text, path) is { } common)
            return common;
        // A file that is not there is damage; one that cannot be read for want of descriptors or because of the device is not mended by a backup of it.
        bool isOfSystem = text.StartsWith("IO error", StringComparison.Ordinal) && !text.Contains("No such file", StringComparison.Ordinal) && !text.Contains("Corruption", StringComparison.Ordinal);
        return isOfSystem
            ? new StoreException(StoreFailure.Inaccessible, $"{path} cannot be read ({text}); check the disk and the limits of the process")
            : Damaged(path, text);
    }

    /// <summary>For what goes wrong while something is written: whether it reached the disk is not known.</summary>
    public static StoreException Writing(string text, string path)
    {
        if (IsFull(text))
            return new StoreException(StoreFailure.Full, $"no space is left for {path} ({text}): make room, and the writing goes on by itself within seconds");
        return new StoreException(StoreFailure.Broken, $"{path} cannot be written ({text}); check the disk, then start again: what was acknowledged is there");
    }

    /// <summary>For a copy that cannot be made. The store itself is as it was.</summary>
    public static StoreException Copying(string text, string target) =>
        Common(text, target) ?? new StoreException(StoreFailure.Inaccessible, $"{target} cannot be made ({text}); check that it does not exist and that its disk is well");

    public static StoreException Damaged(string path, string what) => new(StoreFailure.Corrupt, $"{path} is damaged: {what}; {Restore}");

    private static StoreException? Common(string text, string path)
    {
        if (IsFull(text))
            return new StoreException(StoreFailure.Full, $"no space is left for {path} ({text}): make room and try again");
        if (text.Contains("lock", StringComparison.OrdinalIgnoreCase) && text.Contains("LOCK:", StringComparison.Ordinal))
            return new StoreException(StoreFailure.Locked, $"{path} is used by another process ({text}): stop it");
        return text.Contains("Permission denied", StringComparison.Ordinal) || text.Contains("Read-only file system", StringComparison.Ordinal) || text.Contains("Operation not permitted", StringComparison.Ordinal)
            ? new StoreException(StoreFailure.Inaccessible, $"{path} cannot be read or written ({text}); check its owner and permissions")
            : null;
    }

    private static bool IsFull(string text) =>
        text.Contains("No space left", StringComparison.OrdinalIgnoreCase)
        || text.Contains("NoSpace", StringComparison.Ordinal)
        || text.Contains("Space limit", StringComparison.OrdinalIgnoreCase)
        || text.Contains("Disk quota exceeded", StringComparison.Ordinal);
}
