namespace Whimbrel.Server;

/// <summary>Where sessions, queues and retained messages are kept.</summary>
public enum StoreKind : byte
{
    /// <summary>In the data directory: they survive the process and the loss of power.</summary>
    Disk,

    /// <summary>Nowhere but in memory: they end with the process.</summary>
    Memory,
}
