using System.Runtime.InteropServices;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>Opens a database with the settings that the measurements led to.</summary>
internal static unsafe class Opening
{
    private const int PointInTimeRecovery = 2;
    private const int NoCompression = 0;
    private const int Lz4 = 4;
    private const int WarnLevel = 2;

    // In the order in which RocksDB numbers them; the default family must be there and is not used.
    private static readonly string[] FamilyNames = ["default", "state", "messages", "retained"];

    /// <exception cref="StoreException">It cannot be opened.</exception>
    public static DatabaseHandle Open(string path, EngineOptions options, bool isReadOnly)
    {
        try
        {
            string? error = Try(path, options, isReadOnly, Lz4, out DatabaseHandle? handle);
            if (error is not null && error.Contains("is not linked with the binary", StringComparison.Ordinal))
                error = Try(path, options, isReadOnly, NoCompression, out handle);
            if (error is not null)
                throw EngineError.Reading(error, path);
            return handle!;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"{path} cannot be opened: there is no library of RocksDB for this system ({RuntimeInformation.RuntimeIdentifier}): {e.Message}", e);
        }
    }

    private static string? Try(string path, EngineOptions options, bool isReadOnly, int compression, out DatabaseHandle? opened)
    {
        var handle = new DatabaseHandle(FamilyNames.Length, options.CacheBytes);
        nint database = NewOptions(options);
        nint table = Native.BlockBasedOptionsCreate();
        Native.BlockBasedOptionsSetBlockCache(table, handle.Cache);
        nint* perFamily = stackalloc nint[FamilyNames.Length];
        byte** names = stackalloc byte*[FamilyNames.Length];
        for (int i = 0; i < FamilyNames.Length; i++)
        {
            perFamily[i] = NewFamilyOptions(i == EngineBatch.FamilyId(Family.Messages) ? options.MessageBufferBytes : options.OtherBufferBytes, compression, table);
            names[i] = (byte*)Marshal.StringToCoTaskMemUTF8(FamilyNames[i]);
        }

        byte* error = null;
        fixed (byte* directory = NativeText.Terminated(path))
        fixed (nint* families = handle.Families)
        {
            handle.Own(isReadOnly
                ? Native.OpenForReadOnlyColumnFamilies(database, directory, FamilyNames.Length, names, perFamily, families, 0, &error)
                : Native.OpenColumnFamilies(database, directory, FamilyNames.Length, names, perFamily, families, &error));
        }

        for (int i = 0; i < FamilyNames.Length; i++)
        {
            Native.OptionsDestroy(perFamily[i]);
            Marshal.FreeCoTaskMem((nint)names[i]);
        }

        Native.BlockBasedOptionsDestroy(table);
        Native.OptionsDestroy(database);
        string? text = NativeText.Take(error);
        if (text is not null)
            handle.Dispose();
        opened = text is null ? handle : null;
        return text;
    }

    private static nint NewOptions(EngineOptions options)
    {
        nint database = Native.OptionsCreate();
        Native.OptionsSetCreateIfMissing(database, options.IsNew ? (byte)1 : (byte)0);
        Native.OptionsSetCreateMissingColumnFamilies(database, options.IsNew ? (byte)1 : (byte)0);
        Native.OptionsSetMaxTotalWalSize(database, (ulong)options.LogBytesMax);
        Native.OptionsSetRecycleLogFileNum(database, 2);
        Native.OptionsSetWalRecoveryMode(database, PointInTimeRecovery);
        // So that a log that is gone, or shorter than it was, is noticed.
        Native.OptionsSetTrackAndVerifyWalsInManifest(database, 1);
        Native.OptionsSetDbWriteBufferSize(database, (nuint)options.BufferBytesMax);
        Native.OptionsSetMaxBackgroundJobs(database, 2);
        // There are few table files, and RocksDB begins all its threads for them, 16 unless told, even for none.
        Native.OptionsSetMaxFileOpeningThreads(database, 2);
        Native.OptionsSetKeepLogFileNum(database, 2);
        Native.OptionsSetMaxLogFileSize(database, 1024 * 1024);
        Native.OptionsSetInfoLogLevel(database, WarnLevel);
        return database;
    }

    /// <summary>No family has a filter: nothing looks for single keys, everything is read in order.</summary>
    private static nint NewFamilyOptions(long bufferBytes, int compression, nint table)
    {
        nint family = Native.OptionsCreate();
        Native.OptionsSetWriteBufferSize(family, (nuint)bufferBytes);
        Native.OptionsSetCompression(family, compression);
        Native.OptionsSetBlockBasedTableFactory(family, table);
        return family;
    }
}
