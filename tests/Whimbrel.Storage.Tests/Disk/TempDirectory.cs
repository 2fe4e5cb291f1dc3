namespace Whimbrel.Storage.Tests;

/// <summary>A directory that is gone when the test is.</summary>
internal sealed class TempDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("whimbrel-storage-").FullName;

    public string Of(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>What a crash at this instant would leave: every byte that was handed to the system.</summary>
    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            using FileStream source = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using FileStream target = new(System.IO.Path.Combine(to, System.IO.Path.GetFileName(file)), FileMode.Create);
            source.CopyTo(target);
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
