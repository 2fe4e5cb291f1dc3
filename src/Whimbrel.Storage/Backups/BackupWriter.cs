using System.Formats.Tar;

namespace Whimbrel.Storage;

/// <summary>
/// Writes a backup under a preliminary name and gives it its own when it is whole, with the manifest as the last file: what bears a
/// backup's name, or has a manifest, is complete.
/// </summary>
internal abstract class BackupWriter : IDisposable
{
    private readonly string _target;
    private bool _isFinished;

    protected BackupWriter(string target)
    {
        _target = Path.GetFullPath(target);
        Preliminary = $"{_target}.partial-{Guid.NewGuid():N}";
    }

    protected string Preliminary { get; }

    /// <summary>A single file when the name ends in <c>.tar</c>, otherwise a directory.</summary>
    public static BackupWriter Create(string target) => IsTar(target) ? new TarWriting(target) : new DirectoryWriting(target);

    public static bool IsTar(string target) => target.EndsWith(".tar", StringComparison.OrdinalIgnoreCase);

    /// <summary>Adds a file.</summary>
    /// <param name="path">Where it stands in the backup, with slashes.</param>
    public abstract BackupFile Add(string path, Stream content, CancellationToken cancel);

    public void Finish(BackupManifest manifest, CancellationToken cancel)
    {
        using (var json = new MemoryStream(manifest.ToJson()))
            Add(BackupManifest.FileName, json, cancel);
        Complete();
        Directory.Move(Preliminary, _target);
        _isFinished = true;
        DirectorySync.Sync(Path.GetDirectoryName(_target)!);
    }

    public void Dispose()
    {
        Close();
        if (!_isFinished)
            Leftovers.Remove(Preliminary);
    }

    /// <summary>Brings everything to the disk.</summary>
    protected abstract void Complete();

    protected virtual void Close()
    {
    }

    private sealed class DirectoryWriting : BackupWriter
    {
        public DirectoryWriting(string target)
            : base(target) => PrivateFiles.CreateDirectory(Preliminary);

        public override BackupFile Add(string path, Stream content, CancellationToken cancel) =>
            HashedCopy.CopyToFile(path, content, Path.Combine(Preliminary, path), cancel);

        protected override void Complete() => DirectorySync.SyncAll(Preliminary);
    }

    private sealed class TarWriting : BackupWriter
    {
        private readonly FileStream _file;
        private readonly TarWriter _tar;

        public TarWriting(string target)
            : base(target)
        {
            _file = PrivateFiles.Create(Preliminary);
            _tar = new TarWriter(_file, TarEntryFormat.Pax, leaveOpen: true);
        }

        public override BackupFile Add(string path, Stream content, CancellationToken cancel)
        {
            // The length stands before the content.
            BackupFile file = HashedCopy.Copy(path, content, Stream.Null, cancel);
            content.Position = 0;
            _tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path)
            {
                DataStream = content,
                Mode = PrivateFiles.FileMode,
            });
            return file;
        }

        protected override void Complete()
        {
            _tar.Dispose();
            _file.Flush(flushToDisk: true);
            Close();
        }

        protected override void Close() => _file.Dispose();
    }
}
