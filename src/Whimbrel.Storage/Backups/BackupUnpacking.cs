using System.Formats.Tar;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>Copies a backup's files into a directory and checks every one against the manifest.</summary>
internal static class BackupUnpacking
{
    private const int ManifestBytesMax = 16 * 1024 * 1024;

    /// <param name="backup">A directory or a tar file.</param>
    /// <param name="into">A directory without any of the files.</param>
    /// <param name="cancel">Ends it in between.</param>
    /// <exception cref="StoreException">It is not a backup, or not whole.</exception>
    public static BackupManifest Unpack(string backup, string into, CancellationToken cancel)
    {
        var unpacked = new Dictionary<string, BackupFile>(StringComparer.Ordinal);
        byte[]? json = Directory.Exists(backup) ? UnpackDirectory(backup, into, unpacked, cancel) : UnpackTar(backup, into, unpacked, cancel);
        if (json is null)
            throw new StoreException(StoreFailure.Foreign, $"{backup} is not a backup of Whimbrel, or not a whole one: it has no {BackupManifest.FileName}");
        BackupManifest manifest = BackupManifest.Parse(json, backup);
        foreach (BackupFile file in manifest.Files)
        {
            if (!unpacked.Remove(file.Path, out BackupFile? found))
                throw Damaged(backup, $"the file {file.Path} is missing");
            if (found.Length != file.Length)
                throw Damaged(backup, $"the file {file.Path} has {found.Length} bytes instead of {file.Length}");
            if (!string.Equals(found.Sha256, file.Sha256, StringComparison.OrdinalIgnoreCase))
                throw Damaged(backup, $"the file {file.Path} is not what was backed up");
        }

        if (unpacked.Count > 0)
            throw Damaged(backup, $"its manifest does not know the file {unpacked.Keys.Order(StringComparer.Ordinal).First()}");
        DirectorySync.SyncAll(into);
        return manifest;
    }

    private static byte[]? UnpackDirectory(string backup, string into, Dictionary<string, BackupFile> unpacked, CancellationToken cancel)
    {
        string manifest = Path.Combine(backup, BackupManifest.FileName);
        // Without a manifest it may be anything: nothing of it is copied.
        if (!File.Exists(manifest))
            return null;
        foreach (string file in Directory.EnumerateFiles(backup, "*", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(backup, file).Replace(Path.DirectorySeparatorChar, '/');
            if (path == BackupManifest.FileName)
                continue;
            using FileStream content = File.OpenRead(file);
            unpacked.Add(path, HashedCopy.CopyToFile(path, content, Path.Combine(into, path), cancel));
        }

        return File.ReadAllBytes(manifest);
    }

    private static byte[]? UnpackTar(string backup, string into, Dictionary<string, BackupFile> unpacked, CancellationToken cancel)
    {
        byte[]? json = null;
        using FileStream file = File.OpenRead(backup);
        using var tar = new TarReader(file);
        try
        {
            while (tar.GetNextEntry() is { } entry)
            {
                if (entry.EntryType == TarEntryType.Directory)
                    continue;
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile))
                    throw Damaged(backup, $"the entry {entry.Name} is not a file");
                string path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
                if (path == BackupManifest.FileName)
                    json = ReadManifest(entry, backup);
                else
                    UnpackEntry(entry, path, backup, into, unpacked, cancel);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new StoreException(StoreFailure.Corrupt, $"the backup {backup} is damaged, or not a tar file: {e.Message}; use another backup", e);
        }

        return json;
    }

    private static void UnpackEntry(TarEntry entry, string path, string backup, string into, Dictionary<string, BackupFile> unpacked, CancellationToken cancel)
    {
        new BackupFile(path, 0, "").Check(backup);
        if (unpacked.ContainsKey(path))
            throw Damaged(backup, $"it has the file {path} twice");
        unpacked.Add(path, HashedCopy.CopyToFile(path, entry.DataStream ?? Stream.Null, Path.Combine(into, path), cancel));
    }

    private static byte[] ReadManifest(TarEntry entry, string backup)
    {
        if (entry.Length > ManifestBytesMax)
            throw Damaged(backup, $"its manifest has {entry.Length} bytes");
        byte[] json = new byte[entry.Length];
        (entry.DataStream ?? Stream.Null).ReadExactly(json);
        return json;
    }

    private static StoreException Damaged(string backup, string problem) =>
        new(StoreFailure.Corrupt, $"the backup {backup} is damaged: {problem}; use another backup");
}
