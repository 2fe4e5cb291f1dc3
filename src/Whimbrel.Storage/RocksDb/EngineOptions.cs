namespace Whimbrel.Storage;

/// <summary>How much memory and log the engine takes. The defaults suit a machine with a gigabyte and more.</summary>
internal sealed record EngineOptions
{
    private const long Megabyte = 1024 * 1024;

    /// <summary>For small machines: an eighth of the memory, and a log that takes little of the disk. Costs more table writing.</summary>
    public static EngineOptions Small { get; } = new()
    {
        LogBytesMax = 16 * Megabyte,
        MessageBufferBytes = 8 * Megabyte,
        OtherBufferBytes = 2 * Megabyte,
        BufferBytesMax = 16 * Megabyte,
        CacheBytes = 2 * Megabyte,
    };

    /// <summary>Log that is kept before it is turned into tables; a restart reads it. Bytes.</summary>
    public long LogBytesMax { get; init; } = 64 * Megabyte;

    /// <summary>Memory for queued messages before they go into a table, in bytes.</summary>
    public long MessageBufferBytes { get; init; } = 64 * Megabyte;

    /// <summary>Memory for each of the other families, in bytes.</summary>
    public long OtherBufferBytes { get; init; } = 16 * Megabyte;

    /// <summary>Memory for all families together, in bytes.</summary>
    public long BufferBytesMax { get; init; } = 128 * Megabyte;

    /// <summary>Memory for what was read, in bytes. The broker reads all once, at its start, past the cache; so it is small.</summary>
    public long CacheBytes { get; init; } = 16 * Megabyte;

    /// <summary>Whether the files are made when they are not there. Otherwise their absence is damage.</summary>
    public bool IsNew { get; init; }
}
