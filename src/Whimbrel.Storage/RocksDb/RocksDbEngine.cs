using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>The engine on RocksDB: a log that is synchronised once per write, tables that are compacted in the background.</summary>
internal sealed unsafe class RocksDbEngine : IEngine
{
    private const int ReadAheadBytes = 2 * 1024 * 1024;

    private readonly string _path;
    private readonly DatabaseHandle _handle;

    private RocksDbEngine(string path, DatabaseHandle handle)
    {
        _path = path;
        _handle = handle;
    }

    /// <summary>Opens the files in a directory, or makes them where there are none and the options say that it is new.</summary>
    /// <exception cref="StoreException">They cannot be opened, or are not all there. Nothing that tells of damage was changed.</exception>
    public static RocksDbEngine Open(string path, EngineOptions options)
    {
        if (!options.IsNew)
            RequireWholeLogs(path, options);
        return new RocksDbEngine(path, Opening.Open(path, options, isReadOnly: false));
    }

    /// <summary>Opens the files to read what is there. Nothing of it changes; RocksDB may add a file with its messages.</summary>
    /// <exception cref="StoreException">They cannot be opened, or are not all there.</exception>
    public static RocksDbEngine OpenReadOnly(string path, EngineOptions options)
    {
        LogExamination logs = Examine(path);
        var engine = new RocksDbEngine(path, Opening.Open(path, options, isReadOnly: true));
        try
        {
            engine.RequireAllOf(logs);
            return engine;
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>RocksDB's own handle of a family.</summary>
    internal nint HandleOf(Family family) => _handle.Families[EngineBatch.FamilyId(family)];

    public void Write(EngineBatch batch)
    {
        using DatabaseHandle.Lease lease = _handle.Use();
        ReadOnlySpan<byte> bytes = batch.Bytes;
        nint native;
        fixed (byte* first = bytes)
            native = Native.WriteBatchCreateFrom(first, (nuint)bytes.Length);
        byte* error = null;
        Native.Write(lease.Database, _handle.WriteOptions, native, &error);
        Native.WriteBatchDestroy(native);
        if (NativeText.Take(error) is { } text)
            throw EngineError.Writing(text, _path);
    }

    public void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit)
    {
        using DatabaseHandle.Lease lease = _handle.Use();
        nint options = Native.ReadOptionsCreate();
        nint iterator = 0;
        // The bound must stay where it is as long as the iterator lives. Without it, a scan walks everything removed behind its range.
        fixed (byte* bound = to)
        {
            try
            {
                Native.ReadOptionsSetFillCache(options, 0);
                Native.ReadOptionsSetReadaheadSize(options, ReadAheadBytes);
                if (!to.IsEmpty)
                    Native.ReadOptionsSetIterateUpperBound(options, bound, (nuint)to.Length);
                iterator = Native.CreateIteratorCf(lease.Database, options, HandleOf(family));
                fixed (byte* first = from)
                    Native.IterSeek(iterator, first, (nuint)from.Length);
                for (; Native.IterValid(iterator) != 0; Native.IterNext(iterator))
                    Visit(iterator, visit);
                byte* error = null;
                Native.IterGetError(iterator, &error);
                if (NativeText.Take(error) is { } text)
                    throw EngineError.Reading(text, _path);
            }
            finally
            {
                if (iterator != 0)
                    Native.IterDestroy(iterator);
                Native.ReadOptionsDestroy(options);
            }
        }
    }

    public void Checkpoint(string directory)
    {
        using DatabaseHandle.Lease lease = _handle.Use();
        byte* error = null;
        nint checkpoint = Native.CheckpointObjectCreate(lease.Database, &error);
        if (NativeText.Take(error) is { } refusal)
            throw EngineError.Copying(refusal, directory);
        error = null;
        fixed (byte* path = NativeText.Terminated(directory))
            Native.CheckpointCreate(checkpoint, path, 0, &error);
        Native.CheckpointObjectDestroy(checkpoint);
        if (NativeText.Take(error) is { } text)
            throw EngineError.Copying(text, directory);
    }

    /// <summary>What the engine holds now. From any thread.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public EngineStatistics Measure()
    {
        using DatabaseHandle.Lease lease = _handle.Use();
        return new EngineStatistics(
            Sum(lease, "rocksdb.live-sst-files-size"),
            Directory.EnumerateFiles(_path, LogExamination.Files).Sum(Length),
            Sum(lease, "rocksdb.estimate-pending-compaction-bytes"),
            Sum(lease, "rocksdb.cur-size-all-mem-tables"),
            // One cache for all families; any of them tells.
            Property(lease, _handle.Families[0], "rocksdb.block-cache-usage"));
    }

    public void Dispose() => _handle.Dispose();

    private static void Visit(nint iterator, EntryVisitor visit)
    {
        nuint keyLength;
        nuint valueLength;
        byte* key = Native.IterKey(iterator, &keyLength);
        byte* value = Native.IterValue(iterator, &valueLength);
        visit(new ReadOnlySpan<byte>(key, (int)keyLength), new ReadOnlySpan<byte>(value, (int)valueLength));
    }

    /// <summary>
    /// RocksDB ends its reading of the logs at the first record that is not whole, which is right for the write that a crash cut off, and
    /// silent loss for anything else. And it removes the logs once it has opened them; so this is found out before.
    /// </summary>
    private static void RequireWholeLogs(string path, EngineOptions options)
    {
        LogExamination logs = Examine(path);
        if (logs.IsPlain)
            return;
        using var engine = new RocksDbEngine(path, Opening.Open(path, options, isReadOnly: true));
        engine.RequireAllOf(logs);
    }

    private static LogExamination Examine(string path)
    {
        try
        {
            return LogExamination.Of(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"{path} cannot be read: {e.Message}", e);
        }
    }

    private void RequireAllOf(LogExamination logs)
    {
        using DatabaseHandle.Lease lease = _handle.Use();
        if (Native.GetLatestSequenceNumber(lease.Database) < logs.LastSequence)
            throw EngineError.Damaged(_path, logs.Describe());
    }

    private long Sum(in DatabaseHandle.Lease lease, string property)
    {
        long sum = 0;
        foreach (nint family in _handle.Families)
            sum += Property(lease, family, property);
        return sum;
    }

    private static long Property(in DatabaseHandle.Lease lease, nint family, string property)
    {
        ulong value = 0;
        fixed (byte* name = NativeText.Terminated(property))
            return Native.PropertyIntCf(lease.Database, family, name, &value) == 0 ? (long)value : 0;
    }

    private static long Length(string file)
    {
        try
        {
            return new FileInfo(file).Length;
        }
        catch (FileNotFoundException)
        {
            // RocksDB removes logs while they are counted.
            return 0;
        }
    }
}
