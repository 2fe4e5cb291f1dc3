using System.Runtime.InteropServices;

namespace Whimbrel.Storage;

/// <summary>
/// Brings the names in a directory to the disk: a file that was made or renamed is there after a power cut only when its directory was
/// synchronised too. On Windows the file system does so itself.
/// </summary>
internal static partial class DirectorySync
{
    private const int ReadOnly = 0;

    /// <summary>A directory and all below it.</summary>
    public static void SyncAll(string directory)
    {
        foreach (string inner in Directory.EnumerateDirectories(directory, "*", SearchOption.AllDirectories))
            Sync(inner);
        Sync(directory);
    }

    /// <exception cref="IOException">The disk failed.</exception>
    public static void Sync(string directory)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = Open(directory, ReadOnly);
        if (descriptor < 0)
            throw Failed(directory);
        try
        {
            if (FSync(descriptor) != 0)
                throw Failed(directory);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failed(string directory) =>
        new($"the directory {directory} cannot be brought to the disk: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
