namespace Whimbrel.Broker;

/// <summary>What is wrong with the durable store.</summary>
public enum StoreFailure : byte
{
    /// <summary>There is no space left. Nothing that was acknowledged is lost; the same batch may be written again later.</summary>
    Full,

    /// <summary>The disk failed. What reached it is unknown: nothing may be written any more before a restart has read what is there.</summary>
    Broken,

    /// <summary>Another process uses the data directory.</summary>
    Locked,

    /// <summary>The directory holds something that is not a store of ours.</summary>
    Foreign,

    /// <summary>The store has a format that this version does not know.</summary>
    OtherVersion,

    /// <summary>The store's files contradict themselves.</summary>
    Corrupt,

    /// <summary>The data directory cannot be made, read or written.</summary>
    Inaccessible,
}

/// <summary>The durable store cannot do what it was asked. The message names the file or directory and says what to do.</summary>
public sealed class StoreException(StoreFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public StoreFailure Failure => failure;
}
