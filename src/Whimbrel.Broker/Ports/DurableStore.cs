namespace Whimbrel.Broker;

/// <summary>
/// Where sessions, queues and retained messages survive a restart. <c>Whimbrel.Storage</c> has the one that exists; what passes between
/// it and the broker is theirs alone.
/// </summary>
/// <remarks>Used by one thread at a time: first <see cref="Recover"/>, once, then <see cref="Write"/>.</remarks>
public abstract class DurableStore : IDisposable
{
    internal DurableStore()
    {
    }

    /// <summary>Where it is, for people.</summary>
    public abstract string Location { get; }

    /// <summary>Whether the disk has room enough for more than what makes the store smaller.</summary>
    internal virtual bool HasRoom => true;

    /// <summary>Records of sessions that are not there, which <see cref="Recover"/> found and the next write removes.</summary>
    internal virtual int Orphans => 0;

    /// <summary>Reads everything that is stored and tells it to <paramref name="visitor"/>.</summary>
    /// <exception cref="StoreException">It cannot be read.</exception>
    internal abstract void Recover(IRecoveryVisitor visitor);

    /// <summary>Writes a batch: on disk when this returns. A batch that failed with <see cref="StoreFailure.Full"/> may be given again.</summary>
    /// <exception cref="StoreException">It could not be written.</exception>
    internal abstract void Write(StoreBatch batch);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
