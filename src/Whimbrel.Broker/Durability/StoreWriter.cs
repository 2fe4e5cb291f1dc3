namespace Whimbrel.Broker;

/// <summary>Brings what the broker collected to the store, batch by batch. The thread that drives it may block; nobody else does.</summary>
/// <remarks>Not thread-safe: one thread.</remarks>
public sealed class StoreWriter(MessageBroker broker, DurableStore store)
{
    private StoreBatch? _batch;

    /// <summary>Whether a batch failed for want of space and waits to be written again.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Writes what was collected, as one batch, and wakes who waits for it.</summary>
    /// <returns>False when there was nothing to write.</returns>
    /// <exception cref="StoreException">
    /// <see cref="StoreFailure.Full"/>: the batch is kept, and written by a later call. Anything else is final: nothing of the batch is ever
    /// acknowledged, and only a restart knows what reached the disk.
    /// </exception>
    public bool WriteNext()
    {
        _batch ??= broker.Journal.Take();
        if (_batch is not { } batch)
            return false;
        if (!batch.IsEmpty)
        {
            try
            {
                store.Write(batch);
                broker.Statistics.CountStored(batch);
            }
            catch (StoreException e) when (e.Failure == StoreFailure.Full)
            {
                IsBlocked = true;
                broker.Journal.IsFull = true;
                throw;
            }
        }

        IsBlocked = false;
        _batch = null;
        broker.Journal.Commit(batch);
        return true;
    }

    /// <summary>Asks whether the store has room again, or no more: to be called now and then, and after a batch that failed.</summary>
    /// <returns>Whether what needs room is accepted.</returns>
    public bool CheckRoom()
    {
        bool hasRoom = !IsBlocked && store.HasRoom;
        broker.Journal.IsFull = !hasRoom;
        return hasRoom;
    }
}
