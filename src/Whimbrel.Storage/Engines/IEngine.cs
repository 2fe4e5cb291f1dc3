namespace Whimbrel.Storage;

/// <summary>Told every entry of a scan, in the order of the keys. The spans are valid during the call only.</summary>
internal delegate void EntryVisitor(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

/// <summary>
/// An ordered key-value engine with atomic batches: what the layout is written on. RocksDB in production, a simulated disk in tests.
/// </summary>
/// <remarks>Writes come from one thread; reads may come from any.</remarks>
internal interface IEngine : IDisposable
{
    /// <summary>Writes a batch: all of it is on disk when this returns, and after a crash all of it or nothing is there.</summary>
    /// <exception cref="Whimbrel.Broker.StoreException">It could not be written; whether it will be there after a crash is unknown.</exception>
    void Write(EngineBatch batch);

    /// <summary>Visits the entries with <paramref name="from"/> &lt;= key &lt; <paramref name="to"/>; an empty <paramref name="to"/> means the end.</summary>
    void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit);

    /// <summary>Makes a consistent copy of everything that is written, in a directory that does not exist yet, while writes go on.</summary>
    void Checkpoint(string directory);
}
