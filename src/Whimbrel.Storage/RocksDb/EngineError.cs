using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>What RocksDB says, as a failure of ours that names the place and the remedy.</summary>
internal static class EngineError
{
    public static StoreException From(string text, StoreFailure otherwise, string path)
    {
        if (text.Contains("No space left", StringComparison.OrdinalIgnoreCase) || text.Contains("NoSpace", StringComparison.Ordinal) || text.Contains("Space limit", StringComparison.OrdinalIgnoreCase))
            return new StoreException(StoreFailure.Full, $"no space is left for {path} ({text})");
        if (text.Contains("lock ", StringComparison.Ordinal) && text.Contains("LOCK", StringComparison.Ordinal))
            return new StoreException(StoreFailure.Locked, $"{path} is used by another process ({text})");
        if (text.Contains("Permission denied", StringComparison.Ordinal) || text.Contains("Read-only file system", StringComparison.Ordinal))
            return new StoreException(StoreFailure.Inaccessible, $"{path} cannot be read or written ({text}); check its owner and permissions");
        return otherwise == StoreFailure.Corrupt || text.StartsWith("Corruption", StringComparison.Ordinal)
            ? new StoreException(StoreFailure.Corrupt, $"{path} is damaged: {text}; restore a backup with 'whimbrel backup restore'")
            : new StoreException(otherwise, $"{path}: {text}");
    }
}
