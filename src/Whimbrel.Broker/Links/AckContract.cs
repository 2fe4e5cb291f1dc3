namespace Whimbrel.Broker;

/// <summary>What an acknowledgement of the broker is worth: chosen for each listener.</summary>
public enum AckContract : byte
{
    /// <summary>What is acknowledged is on disk. A crash of the process or the machine loses nothing of it.</summary>
    Fsync,

    /// <summary>What is acknowledged is in memory and reaches the disk within a moment. A crash may lose what was acknowledged shortly before.</summary>
    Memory,
}
