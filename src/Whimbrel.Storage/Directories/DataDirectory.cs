using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// A data directory, judged before anything in it is touched: <c>WHIMBREL</c> says that it is one and in which format, <c>LOCK</c> is held
/// by the process that <c>PID</c> names, <c>store</c> has the engine's files. What is not as it should be is an error that says what to do, never a
/// fresh start.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    /// <summary>The format that this version reads and writes.</summary>
    public const int Format = 1;

    /// <summary>The file that makes a directory a data directory.</summary>
    public const string NameFile = Storage.NameFile.FileName;

    /// <summary>The folder of the engine's files.</summary>
    public const string StoreFolder = "store";

    private readonly LockFile _lock;

    private DataDirectory(string path, LockFile held)
    {
        Path = path;
        _lock = held;
    }

    public string Path { get; }

    /// <summary>Where the engine's files are.</summary>
    public string StorePath => System.IO.Path.Combine(Path, StoreFolder);

    /// <summary>Whether the engine's files have to be made. Who made them calls <see cref="Name"/>, before anything is acknowledged.</summary>
    public bool IsNew { get; private set; }

    /// <summary>Takes a directory for this process alone; makes it when it is not there or empty.</summary>
    /// <exception cref="StoreException">It is used by another process, is not ours, has another format, or is damaged.</exception>
    public static DataDirectory Open(string path) => Guarded(path, full =>
    {
        if (!Directory.Exists(full))
            Make(full);
        return Take(full, mayMake: true);
    });

    /// <summary>Takes a directory that must be one.</summary>
    /// <exception cref="StoreException">It is not there, or as with <see cref="Open"/>.</exception>
    public static DataDirectory OpenExisting(string path) => Guarded(path, full =>
    {
        if (!Directory.Exists(full) && !File.Exists(full))
            throw new StoreException(StoreFailure.Inaccessible, $"there is no data directory {full}, or it cannot be seen: check the path given with --data, and its permissions");
        return Take(full, mayMake: false);
    });

    /// <summary>Says of a directory that it is a data directory: the last step of making one.</summary>
    public static void Name(string path) => Storage.NameFile.Finish(path);

    public void Dispose() => _lock.Dispose();

    private static DataDirectory Guarded(string path, Func<string, DataDirectory> open)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            return open(full);
        }
        catch (IOException e) when (Disk.IsFull(e))
        {
            throw new StoreException(StoreFailure.Full, $"no space is left for the data directory {full} ({e.Message}): make room and start again", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"the data directory {full} cannot be used ({e.Message}): check its owner and permissions, or choose another with --data", e);
        }
    }

    private static DataDirectory Take(string path, bool mayMake)
    {
        // Before the lock, because in a directory that is not ours no file is made, not even that one.
        bool isNamed = IsNamed(path, mayMake);
        var held = LockFile.Take(path);
        try
        {
            // It may have been made, or not be finished after all, by the one who had the lock.
            isNamed = IsNamed(path, mayMake);
            var directory = new DataDirectory(path, held);
            if (isNamed)
                directory.RequireWhole();
            else
                directory.Begin();
            return directory;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <returns>False when the directory is empty, or its making was interrupted.</returns>
    private static bool IsNamed(string path, bool mayMake)
    {
        string[] names = [.. Directory.EnumerateFileSystemEntries(path).Select(entry => System.IO.Path.GetFileName(entry))];
        if (names.Contains(Storage.NameFile.FileName))
            return true;
        if (!mayMake)
            throw new StoreException(StoreFailure.Foreign, $"{path} is not a Whimbrel data directory: it has no file {NameFile}");
        bool isBegun = names.Contains(Storage.NameFile.DraftName);
        if (names.FirstOrDefault(name => name.StartsWith(Backups.RestoringPrefix, StringComparison.Ordinal)) is { } restoring)
            throw new StoreException(StoreFailure.Foreign, $"a restore into {path} was interrupted ({restoring} is left): remove what the directory holds, and restore again");
        if (names.FirstOrDefault(name => name is not (LockFile.LockName or LockFile.HolderName or Storage.NameFile.DraftName or "lost+found") && !(isBegun && name == StoreFolder)) is { } foreign)
            throw new StoreException(StoreFailure.Foreign, $"the directory {path} is not empty (it holds {foreign}) and has no file {NameFile}, so it is not a Whimbrel data directory: choose another with --data, or restore a backup if it was one");
        return false;
    }

    private void RequireWhole()
    {
        Storage.NameFile.Check(Path);
        string current = System.IO.Path.Combine(StorePath, "CURRENT");
        if (!File.Exists(current))
            throw EngineError.Damaged($"the data directory {Path}", $"{(Directory.Exists(StorePath) ? current : StorePath)} is missing");
        string manifest = System.IO.Path.Combine(StorePath, File.ReadAllText(current).TrimEnd('\n'));
        if (!File.Exists(manifest))
            throw EngineError.Damaged($"the data directory {Path}", $"{manifest} is missing, which {current} names");
        // There is one from the making on, in every checkpoint too; RocksDB would not miss it.
        if (!Directory.EnumerateFiles(StorePath, LogExamination.Files).Any())
            throw EngineError.Damaged($"the data directory {Path}", $"{StorePath} has no log ({LogExamination.Files})");
    }

    /// <summary>Begins the making, or begins it again: nothing is ever acknowledged before it is finished.</summary>
    private void Begin()
    {
        if (Directory.Exists(StorePath))
        {
            // A store that holds something was not left by an interrupted making, whatever else is there.
            if (Directory.EnumerateFiles(StorePath, "*.sst").Any() || Directory.EnumerateFiles(StorePath, LogExamination.Files).Any(log => new FileInfo(log).Length > 0))
                throw EngineError.Damaged($"the data directory {Path}", $"{System.IO.Path.Combine(Path, NameFile)} is missing, but {StorePath} holds messages");
            Directory.Delete(StorePath, recursive: true);
        }

        Storage.NameFile.Draft(Path);
        PrivateFiles.CreateDirectory(StorePath);
        DirectorySync.Sync(Path);
        IsNew = true;
    }

    private static void Make(string path)
    {
        // Each directory that was made is a name in the one above, which has to reach the disk as well.
        var above = new List<string>();
        string? parent = path;
        do
        {
            parent = System.IO.Path.GetDirectoryName(parent);
            if (parent is not null)
                above.Add(parent);
        }
        while (parent is not null && !Directory.Exists(parent));
        PrivateFiles.CreateDirectory(path);
        above.ForEach(DirectorySync.Sync);
    }
}
