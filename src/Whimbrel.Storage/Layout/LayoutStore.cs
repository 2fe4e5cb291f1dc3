using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// The durable store: the broker's batches as keys and values of an engine. One batch is one write. What the keys and values look like,
/// and why, stands in docs/design/0010.
/// </summary>
/// <param name="engine">Where the keys and values are; disposed with the store unless <paramref name="owner"/> is.</param>
/// <param name="location">Where that is, for people.</param>
/// <param name="owner">What is disposed instead of the engine, because it owns it.</param>
/// <param name="hasRoom">Whether the disk has room for more; always, when null.</param>
internal sealed class LayoutStore(IEngine engine, string location, IDisposable? owner = null, Func<bool>? hasRoom = null) : DurableStore
{
    /// <summary>Above this the memory of one extraordinary batch is not kept for the ordinary ones that follow.</summary>
    private const int LargeBatchBytes = 8 * 1024 * 1024;

    private EngineBatch _output = new();
    private BatchEncoder? _encoder;
    private StoreMarks _written;
    private List<byte[]> _orphans = [];
    private long _tainted;
    private bool _isRecovered;
    private long _batches;
    private long _records;
    private long _bytes;

    public override string Location => location;

    internal override int Orphans => _orphans.Count;

    internal override bool HasRoom => hasRoom?.Invoke() ?? true;

    public IEngine Engine => engine;

    /// <summary>What was written since the start. Read by any thread.</summary>
    public LayoutStatistics Statistics => new(Volatile.Read(ref _batches), Volatile.Read(ref _records), Volatile.Read(ref _bytes));

    internal override void Recover(IRecoveryVisitor visitor)
    {
        var reader = new LayoutReader(engine, location, visitor);
        reader.Read();
        _written = reader.Marks;
        _tainted = reader.Marks.Tainted;
        _orphans = reader.Orphans;
        _isRecovered = true;
    }

    internal override void Write(StoreBatch batch)
    {
        // Without what is there already, numbers would be given twice.
        if (!_isRecovered)
            throw new InvalidOperationException("A store is recovered before it is written.");
        if (batch.IsEmpty)
            return;
        StoreMarks marks = _written.For(batch) with { Tainted = _tainted };
        Encode(batch, marks);
        try
        {
            engine.Write(_output);
        }
        catch (StoreException e) when (e.Failure == StoreFailure.Full)
        {
            // The batch will be given again, and perhaps this attempt reached the disk as well.
            _tainted = Math.Max(_tainted, batch.LastMessageId);
            throw;
        }

        _written = marks;
        _orphans = [];
        Count();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            (owner ?? engine).Dispose();
    }

    private void Encode(StoreBatch batch, in StoreMarks marks)
    {
        _encoder ??= new BatchEncoder(_output);
        _output.Clear();
        _encoder.Encode(marks, _written);
        foreach (byte[] orphan in _orphans)
            _output.Delete(Family.State, orphan);
        _encoder.Encode(batch, marks.Tainted);
    }

    private void Count()
    {
        int bytes = _output.Bytes.Length;
        Volatile.Write(ref _batches, _batches + 1);
        Volatile.Write(ref _records, _records + _output.Count);
        Volatile.Write(ref _bytes, _bytes + bytes);
        if (bytes <= LargeBatchBytes)
            return;
        _output = new EngineBatch();
        _encoder = null;
    }
}

/// <summary>What a store wrote since it was opened.</summary>
/// <param name="Records">Keys that were put or removed.</param>
/// <param name="Bytes">As handed to the engine, before whatever it adds or compresses.</param>
internal readonly record struct LayoutStatistics(long Batches, long Records, long Bytes);
