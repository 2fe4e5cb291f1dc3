using System.Globalization;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// The lock of a data directory: held as long as the process lives, however it ends. Who holds it stands in a file of its own, because one
/// that is locked cannot be read.
/// </summary>
internal sealed class LockFile : IDisposable
{
    public const string LockName = "LOCK";
    public const string HolderName = "PID";

    private const int LinuxWouldBlock = 11;
    private const int MacWouldBlock = 35;
    private const int WindowsSharingViolation = unchecked((int)0x80070020);

    private readonly string _directory;
    private readonly FileStream _held;

    private LockFile(string directory, FileStream held)
    {
        _directory = directory;
        _held = held;
    }

    /// <param name="directory">What is locked.</param>
    /// <exception cref="StoreException">Somebody has it.</exception>
    /// <exception cref="IOException">The lock cannot be made.</exception>
    public static LockFile Take(string directory)
    {
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (e.HResult is LinuxWouldBlock or MacWouldBlock or WindowsSharingViolation)
        {
            throw new StoreException(StoreFailure.Locked, $"the data directory {directory} is used by another process{Holder(directory)}: stop it, or choose another directory with --data", e);
        }

        Sign(directory);
        return new LockFile(directory, held);
    }

    public void Dispose()
    {
        // Before others can have the lock, and sign.
        if (_held.SafeFileHandle.IsClosed)
            return;
        Leftovers.Remove(Path.Combine(_directory, HolderName));
        _held.Dispose();
    }

    private static void Sign(string directory)
    {
        try
        {
            File.WriteAllText(Path.Combine(directory, HolderName), string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The lock counts, not the name; a full disk must not keep anybody from opening what is there.
        }
    }

    private static string Holder(string directory)
    {
        try
        {
            string text = File.ReadAllText(Path.Combine(directory, HolderName)).Trim();
            return text.Length > 0 ? $" (process {text})" : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
