using System.Globalization;
using System.Text;
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
    public const string NameFile = "WHIMBREL";

    /// <summary>The folder of the engine's files.</summary>
    public const string StoreFolder = "store";

    private const string LockFile = "LOCK";

    // Beside the lock, because a file that is locked cannot be read.
    private const string HolderFile = "PID";
    private const string NamePrefix = "Whimbrel data directory, format ";

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    public string Path { get; }

    /// <summary>Where the engine's files are.</summary>
    public string StorePath => System.IO.Path.Combine(Path, StoreFolder);

    /// <summary>Whether the engine's files have to be made.</summary>
    public bool IsNew { get; private init; }

    /// <summary>Takes a directory for this process alone; makes it when it is not there or empty.</summary>
    /// <exception cref="StoreException">It is used by another process, is not ours, has another format, or is damaged.</exception>
    public static DataDirectory Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            return Take(full, mayMake: true);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"the data directory {full} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Takes a directory that must be one.</summary>
    /// <exception cref="StoreException">It is not there, or as with <see cref="Open"/>.</exception>
    public static DataDirectory OpenExisting(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (!File.Exists(System.IO.Path.Combine(full, NameFile)))
            throw new StoreException(StoreFailure.Foreign, $"{full} is not a Whimbrel data directory: it has no file {NameFile}");
        try
        {
            return Take(full, mayMake: false);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"the data directory {full} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Says of a directory that it is a data directory: the last step of making one.</summary>
    public static void Name(string path)
    {
        string file = System.IO.Path.Combine(path, NameFile);
        string draft = file + ".new";
        using (FileStream stream = new(draft, FileMode.Create, FileAccess.Write))
        {
            stream.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{Format}\n")));
            stream.Flush(flushToDisk: true);
        }

        File.Move(draft, file, overwrite: true);
        DirectorySync.Sync(path);
    }

    public void Dispose() => _lock.Dispose();

    private static DataDirectory Take(string path, bool mayMake)
    {
        string file = System.IO.Path.Combine(path, NameFile);
        if (!Directory.Exists(path))
            Make(path);
        bool named = File.Exists(file);
        if (!named && Directory.EnumerateFileSystemEntries(path).Any(entry => !IsOurs(entry)))
            throw new StoreException(StoreFailure.Foreign, $"the directory {path} holds files that are not Whimbrel's, and no file {NameFile}: choose an empty one with --data");
        if (named)
            CheckFormat(path, file);
        FileStream held = Lock(path);
        string store = System.IO.Path.Combine(path, StoreFolder);
        // The name is written last: without it the making was interrupted and begins again, unless there is something to lose.
        if (!named && mayMake && !File.Exists(System.IO.Path.Combine(store, "CURRENT")))
            return new DataDirectory(path, held) { IsNew = true };
        if (File.Exists(System.IO.Path.Combine(store, "CURRENT")))
        {
            if (!named)
                Name(path);
            return new DataDirectory(path, held);
        }

        held.Dispose();
        throw new StoreException(StoreFailure.Corrupt, $"the data directory {path} is damaged: {System.IO.Path.Combine(store, "CURRENT")} is missing; restore a backup with 'whimbrel backup restore'");
    }

    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DirectorySync.Sync(System.IO.Path.GetDirectoryName(path)!);
    }

    private static bool IsOurs(string entry) => System.IO.Path.GetFileName(entry) is LockFile or HolderFile or StoreFolder or NameFile + ".new" or "lost+found";

    private static void CheckFormat(string path, string file)
    {
        string text = File.ReadAllText(file).Trim();
        if (!text.StartsWith(NamePrefix, StringComparison.Ordinal) || !int.TryParse(text[NamePrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int format))
            throw new StoreException(StoreFailure.Corrupt, $"the file {file} does not say what it should, '{NamePrefix}{Format}'; restore a backup with 'whimbrel backup restore'");
        if (format != Format)
            throw new StoreException(StoreFailure.OtherVersion, $"the data directory {path} has format {format}, and this version reads and writes format {Format}: use the version that wrote it, or a newer one");
    }

    private static FileStream Lock(string path)
    {
        string file = System.IO.Path.Combine(path, LockFile);
        string holder = System.IO.Path.Combine(path, HolderFile);
        try
        {
            var held = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            File.WriteAllText(holder, string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n"));
            return held;
        }
        catch (IOException e) when (File.Exists(file))
        {
            string process = File.Exists(holder) ? $" (process {File.ReadAllText(holder).Trim()})" : "";
            throw new StoreException(StoreFailure.Locked, $"the data directory {path} is used by another process{process}: stop it, or choose another directory with --data", e);
        }
    }
}
