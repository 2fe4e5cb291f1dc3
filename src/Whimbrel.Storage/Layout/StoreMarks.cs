using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>What the store keeps about itself.</summary>
/// <param name="HasFormat">Whether the format's number is written: the first batch does.</param>
/// <param name="LastMessageId">No message identifier above this one was given: the end of the reserved block.</param>
/// <param name="LastSessionNumber">No session number above this one was given.</param>
/// <param name="Tainted">
/// Message identifiers up to this one may have been put twice, because a batch failed and was written again: their records must not be
/// removed by <see cref="EngineBatch.DeleteOnce"/>.
/// </param>
internal readonly record struct StoreMarks(bool HasFormat, long LastMessageId, long LastSessionNumber, long Tainted)
{
    /// <summary>The layout of keys and values: see docs/design/0010.</summary>
    public const byte Format = 1;

    /// <summary>Numbers are reserved in blocks, so that few batches write how far they go.</summary>
    public const long MessageIdBlock = 1_000_000;

    public const long SessionNumberBlock = 10_000;

    /// <summary>What has to be written before or together with a batch.</summary>
    public StoreMarks For(StoreBatch batch) => this with
    {
        HasFormat = true,
        LastMessageId = batch.LastMessageId > LastMessageId ? batch.LastMessageId + MessageIdBlock : LastMessageId,
        LastSessionNumber = batch.LastSessionNumber > LastSessionNumber ? batch.LastSessionNumber + SessionNumberBlock : LastSessionNumber,
    };
}
