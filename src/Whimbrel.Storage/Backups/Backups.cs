using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>Makes, checks and brings back copies of a data directory: a directory of files, or one tar file, with a manifest.</summary>
/// <param name="openReadOnly">Opens a data directory for reading.</param>
/// <param name="version">Of this program.</param>
/// <param name="time">Tells when a backup was made.</param>
internal sealed class Backups(Func<string, DurableStore> openReadOnly, string version, TimeProvider time)
{
    /// <summary>Begins the name of the directory in which a restore unpacks.</summary>
    public const string RestoringPrefix = "restoring-";

    /// <summary>Copies a checkpoint away. It has been read when this returns: a backup of a damaged store is none.</summary>
    /// <param name="checkpoint">A data directory that nobody writes.</param>
    /// <param name="target">What must not exist yet; a tar file when its name says so.</param>
    /// <param name="cancel">Ends it in between; nothing is left then.</param>
    /// <exception cref="StoreException">There is no backup; nothing is left of it.</exception>
    public BackupManifest Create(string checkpoint, string target, CancellationToken cancel) => Guarded(target, () =>
    {
        RefuseExisting(target);
        // Before the store is opened: opening may add files of its own.
        List<string> paths = [DataDirectory.NameFile, .. Files(Path.Combine(checkpoint, DataDirectory.StoreFolder))];
        var counts = BackupCounts.Of(Read(checkpoint));
        using var writer = BackupWriter.Create(target);
        var files = new List<BackupFile>();
        foreach (string path in paths)
        {
            using FileStream content = File.OpenRead(Path.Combine(checkpoint, path));
            files.Add(writer.Add(path, content, cancel));
        }

        var manifest = new BackupManifest(BackupManifest.Format, StoreMarks.Format, version, time.GetUtcNow(), counts, files);
        writer.Finish(manifest, cancel);
        return manifest;
    });

    /// <summary>Unpacks a backup where it does not matter, compares every byte, and reads it as the broker would.</summary>
    /// <exception cref="StoreException">It is not good, and the message says why.</exception>
    public BackupManifest Verify(string backup, CancellationToken cancel) => Guarded(backup, () =>
    {
        RequireBackup(backup);
        string unpacked = Directory.CreateTempSubdirectory("whimbrel-verify-").FullName;
        try
        {
            return UnpackAndRead(backup, unpacked, cancel);
        }
        finally
        {
            Leftovers.Remove(unpacked);
        }
    });

    /// <summary>Makes a data directory of a backup that was verified. What makes it one is put there last.</summary>
    /// <param name="backup">What <see cref="Create"/> made.</param>
    /// <param name="data">Missing or empty.</param>
    /// <param name="cancel">Ends it in between.</param>
    /// <exception cref="StoreException">Nothing was restored, and nothing is left of the attempt.</exception>
    public BackupManifest Restore(string backup, string data, CancellationToken cancel) => Guarded(data, () =>
    {
        RequireBackup(backup);
        if (File.Exists(data))
            throw new StoreException(StoreFailure.Foreign, $"{data} is a file; give a directory that is missing or empty");
        if (Directory.Exists(data) && Directory.EnumerateFileSystemEntries(data).Any(entry => Path.GetFileName(entry) != "lost+found"))
            throw new StoreException(StoreFailure.Foreign, $"{data} is not empty: restoring would overwrite what is there; give a directory that is missing or empty");
        bool isNew = !Directory.Exists(data);
        if (isNew)
            PrivateFiles.CreateDirectory(data);
        // Inside, because the directory may be a file system of its own.
        string unpacked = Path.Combine(data, $"{RestoringPrefix}{Guid.NewGuid():N}");
        try
        {
            PrivateFiles.CreateDirectory(unpacked);
            BackupManifest manifest = UnpackAndRead(backup, unpacked, cancel);
            Directory.Move(Path.Combine(unpacked, DataDirectory.StoreFolder), Path.Combine(data, DataDirectory.StoreFolder));
            DirectorySync.Sync(data);
            File.Move(Path.Combine(unpacked, DataDirectory.NameFile), Path.Combine(data, DataDirectory.NameFile));
            Leftovers.Remove(unpacked);
            DirectorySync.Sync(data);
            return manifest;
        }
        catch
        {
            Leftovers.Remove(unpacked);
            Leftovers.Remove(Path.Combine(data, DataDirectory.StoreFolder));
            if (isNew)
                Leftovers.Remove(data);
            throw;
        }
    });

    private BackupManifest UnpackAndRead(string backup, string into, CancellationToken cancel)
    {
        BackupManifest manifest = BackupUnpacking.Unpack(backup, into, cancel);
        foreach (string needed in new[] { DataDirectory.NameFile, DataDirectory.StoreFolder })
        {
            if (!Path.Exists(Path.Combine(into, needed)))
                throw new StoreException(StoreFailure.Corrupt, $"the backup {backup} has no {needed}: it is not one of a data directory; use another backup");
        }

        var counts = BackupCounts.Of(ReadUnpacked(backup, into));
        if (counts != manifest.Counts)
            throw new StoreException(StoreFailure.Corrupt, $"the backup {backup} is damaged: its manifest says {manifest.Counts}, its store holds {counts}; use another backup");
        return manifest;
    }

    private StoreInspection ReadUnpacked(string backup, string directory)
    {
        try
        {
            return Read(directory);
        }
        catch (StoreException e)
        {
            throw new StoreException(e.Failure, $"the store in the backup {backup} cannot be read: {e.Message}", e);
        }
    }

    private StoreInspection Read(string directory)
    {
        using DurableStore store = openReadOnly(directory);
        return StoreInspection.Read(store);
    }

    private static IEnumerable<string> Files(string store) =>
        Directory.EnumerateFiles(store).Select(file => $"{DataDirectory.StoreFolder}/{Path.GetFileName(file)}").Order(StringComparer.Ordinal);

    private static void RefuseExisting(string target)
    {
        if (Path.Exists(target))
            throw new StoreException(StoreFailure.Inaccessible, $"{target} exists already; a backup does not overwrite anything");
        string? parent = Path.GetDirectoryName(Path.GetFullPath(target));
        if (!Directory.Exists(parent))
            throw new StoreException(StoreFailure.Inaccessible, $"the directory {parent} for the backup does not exist");
    }

    private static void RequireBackup(string backup)
    {
        if (!Path.Exists(backup))
            throw new StoreException(StoreFailure.Inaccessible, $"there is no backup {backup}");
    }

    /// <summary>Whatever the file system refuses is said in the words of the store.</summary>
    private static BackupManifest Guarded(string path, Func<BackupManifest> work)
    {
        try
        {
            return work();
        }
        catch (IOException e) when (Disk.IsFull(e))
        {
            throw new StoreException(StoreFailure.Full, $"{path}: there is no space left: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFailure.Inaccessible, $"{path}: {e.Message}", e);
        }
    }
}
