namespace Whimbrel.Storage;

/// <summary>How much memory and log the engine takes.</summary>
internal sealed record EngineOptions
{
    /// <summary>Log that is kept before it is turned into tables; a restart reads it. Bytes.</summary>
    public long LogBytesMax { get; init; } = 64 * 1024 * 1024;

    /// <summary>Memory for queued messages before they go into a table, in bytes.</summary>
    public long MessageBufferBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Memory for each of the other families, in bytes.</summary>
    public long OtherBufferBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Memory for all families together, in bytes.</summary>
    public long BufferBytesMax { get; init; } = 128 * 1024 * 1024;

    /// <summary>Memory for what was read, in bytes.</summary>
    public long CacheBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Whether the files are made when they are not there. Otherwise their absence is damage.</summary>
    public bool IsNew { get; init; }
}
