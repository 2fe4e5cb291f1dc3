namespace Whimbrel.Storage;

/// <summary>What the engine holds, for people who look after it. All in bytes.</summary>
/// <param name="TableBytes">Tables on the disk, without those that only wait for their removal.</param>
/// <param name="LogBytes">Lengths of the logs: what a restart would read, recycled files included. Space that is reserved behind their ends is not counted.</param>
/// <param name="PendingCompactionBytes">What the background work still has to rewrite. When it grows for hours the disk is too slow.</param>
/// <param name="BufferBytes">Memory for what is in no table yet.</param>
/// <param name="CacheBytes">Memory for what was read.</param>
internal readonly record struct EngineStatistics(long TableBytes, long LogBytes, long PendingCompactionBytes, long BufferBytes, long CacheBytes);
