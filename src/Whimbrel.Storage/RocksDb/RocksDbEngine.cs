using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// The engine on RocksDB: a log that is synced once per write, tables that are compacted in the background. The measurements behind the
/// choice and its settings stand in docs/design/0011.
/// </summary>
internal sealed unsafe class RocksDbEngine : IEngine
{
    // In the order in which RocksDB numbers them; the default family must be there and is not used.
    private static readonly string[] FamilyNames = ["default", "state", "messages", "retained"];

    private const int PointInTimeRecovery = 2;
    private const int Lz4 = 4;
    private const int WarnLevel = 2;
    private const int ReadAheadBytes = 2 * 1024 * 1024;

    private readonly string _path;
    private readonly nint[] _families = new nint[FamilyNames.Length];
    private readonly nint _cache;
    private readonly nint _writeOptions;
    private nint _db;

    private RocksDbEngine(string path, EngineOptions options, bool readOnly)
    {
        _path = path;
        _cache = Native.CacheCreateLru((nuint)options.CacheBytes);
        _writeOptions = Native.WriteoptionsCreate();
        Native.WriteoptionsSetSync(_writeOptions, 1);
        try
        {
            Open(options, readOnly);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Opens the files in a directory, or makes them where there are none.</summary>
    /// <exception cref="StoreException">They cannot be opened.</exception>
    public static RocksDbEngine Open(string path, EngineOptions options) => new(path, options, readOnly: false);

    /// <summary>Opens the files to read what is there; nothing in the directory changes.</summary>
    /// <exception cref="StoreException">They cannot be opened.</exception>
    public static RocksDbEngine OpenReadOnly(string path, EngineOptions options) => new(path, options, readOnly: true);

    /// <summary>RocksDB's own handle of a family.</summary>
    internal nint HandleOf(Family family) => _families[EngineBatch.FamilyId(family)];

    public void Write(EngineBatch batch)
    {
        nint native;
        fixed (byte* bytes = batch.Bytes)
            native = Native.WritebatchCreateFrom(bytes, (nuint)batch.Bytes.Length);
        byte* error = null;
        Native.Write(_db, _writeOptions, native, &error);
        Native.WritebatchDestroy(native);
        ThrowIf(error, StoreFailure.Broken);
    }

    public void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryVisitor visit)
    {
        nint options = Native.ReadoptionsCreate();
        nint iterator = 0;
        byte[] upper = to.ToArray();
        // The bound must stay where it is as long as the iterator lives.
        fixed (byte* bound = upper)
        {
            try
            {
                Native.ReadoptionsSetFillCache(options, 0);
                Native.ReadoptionsSetReadaheadSize(options, ReadAheadBytes);
                if (upper.Length > 0)
                    Native.ReadoptionsSetIterateUpperBound(options, bound, (nuint)upper.Length);
                iterator = Native.CreateIteratorCf(_db, options, HandleOf(family));
                fixed (byte* first = from)
                    Native.IterSeek(iterator, first, (nuint)from.Length);
                for (; Native.IterValid(iterator) != 0; Native.IterNext(iterator))
                    Visit(iterator, visit);
                byte* error = null;
                Native.IterGetError(iterator, &error);
                ThrowIf(error, StoreFailure.Corrupt);
            }
            finally
            {
                if (iterator != 0)
                    Native.IterDestroy(iterator);
                Native.ReadoptionsDestroy(options);
            }
        }
    }

    public void Checkpoint(string directory)
    {
        byte* error = null;
        nint checkpoint = Native.CheckpointObjectCreate(_db, &error);
        ThrowIf(error, StoreFailure.Broken);
        fixed (byte* path = Terminated(directory))
            Native.CheckpointCreate(checkpoint, path, 0, &error);
        Native.CheckpointObjectDestroy(checkpoint);
        ThrowIf(error, StoreFailure.Inaccessible);
    }

    public void Dispose()
    {
        foreach (nint family in _families)
        {
            if (family != 0)
                Native.ColumnFamilyHandleDestroy(family);
        }

        Array.Clear(_families);
        if (_db == 0)
            return;
        Native.Close(_db);
        _db = 0;
        Native.WriteoptionsDestroy(_writeOptions);
        Native.CacheDestroy(_cache);
    }

    private static void Visit(nint iterator, EntryVisitor visit)
    {
        nuint keyLength;
        nuint valueLength;
        byte* key = Native.IterKey(iterator, &keyLength);
        byte* value = Native.IterValue(iterator, &valueLength);
        visit(new ReadOnlySpan<byte>(key, (int)keyLength), new ReadOnlySpan<byte>(value, (int)valueLength));
    }

    private void Open(EngineOptions options, bool readOnly)
    {
        nint database = NewOptions(options);
        nint table = Native.BlockBasedOptionsCreate();
        Native.BlockBasedOptionsSetBlockCache(table, _cache);
        var familyOptions = new nint[FamilyNames.Length];
        for (int i = 0; i < familyOptions.Length; i++)
        {
            familyOptions[i] = Native.OptionsCreate();
            Native.OptionsSetWriteBufferSize(familyOptions[i], (nuint)(i == EngineBatch.FamilyId(Family.Messages) ? options.MessageBufferBytes : options.OtherBufferBytes));
            Native.OptionsSetCompression(familyOptions[i], Lz4);
            Native.OptionsSetBlockBasedTableFactory(familyOptions[i], table);
        }

        try
        {
            using var names = new NativeTexts(FamilyNames);
            byte* error = null;
            fixed (byte* path = Terminated(_path))
            fixed (nint* perFamily = familyOptions, families = _families)
            {
                _db = readOnly
                    ? Native.OpenForReadOnlyColumnFamilies(database, path, FamilyNames.Length, names.Pointers, perFamily, families, 0, &error)
                    : Native.OpenColumnFamilies(database, path, FamilyNames.Length, names.Pointers, perFamily, families, &error);
            }

            ThrowIf(error, StoreFailure.Corrupt);
        }
        finally
        {
            foreach (nint family in familyOptions)
                Native.OptionsDestroy(family);
            Native.BlockBasedOptionsDestroy(table);
            Native.OptionsDestroy(database);
        }
    }

    private static nint NewOptions(EngineOptions options)
    {
        nint database = Native.OptionsCreate();
        Native.OptionsSetCreateIfMissing(database, options.IsNew ? (byte)1 : (byte)0);
        Native.OptionsSetCreateMissingColumnFamilies(database, options.IsNew ? (byte)1 : (byte)0);
        Native.OptionsSetMaxTotalWalSize(database, (ulong)options.LogBytesMax);
        Native.OptionsSetRecycleLogFileNum(database, 2);
        Native.OptionsSetWalRecoveryMode(database, PointInTimeRecovery);
        Native.OptionsSetDbWriteBufferSize(database, (nuint)options.BufferBytesMax);
        Native.OptionsSetMaxBackgroundJobs(database, 2);
        Native.OptionsSetKeepLogFileNum(database, 2);
        Native.OptionsSetMaxLogFileSize(database, 1024 * 1024);
        Native.OptionsSetInfoLogLevel(database, WarnLevel);
        return database;
    }

    private void ThrowIf(byte* error, StoreFailure failure)
    {
        if (error is null)
            return;
        string text = Marshal.PtrToStringUTF8((nint)error) ?? "";
        Native.Free(error);
        throw EngineError.From(text, failure, _path);
    }

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    /// <summary>Texts as C wants them, for the length of one call.</summary>
    private readonly struct NativeTexts : IDisposable
    {
        private readonly int _count;

        public NativeTexts(string[] texts)
        {
            _count = texts.Length;
            Pointers = (byte**)NativeMemory.Alloc((nuint)_count, (nuint)sizeof(byte*));
            for (int i = 0; i < _count; i++)
                Pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        }

        public byte** Pointers { get; }

        public void Dispose()
        {
            for (int i = 0; i < _count; i++)
                Marshal.FreeCoTaskMem((nint)Pointers[i]);
            NativeMemory.Free(Pointers);
        }
    }
}
