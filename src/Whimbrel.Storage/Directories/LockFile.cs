using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// The lock of a data directory: held as long as the process lives, however it ends. It says who holds it, as far as the system lets
/// others read that.
/// </summary>
internal sealed partial class LockFile : IDisposable
{
    private const int LinuxWouldBlock = 11;
    private const int MacWouldBlock = 35;
    private const int WindowsSharingViolation = unchecked((int)0x80070020);
    private const int OpenReadOnly = 0;

    private readonly FileStream _held;

    private LockFile(FileStream held) => _held = held;

    /// <param name="file">Made if it is not there.</param>
    /// <param name="directory">What it locks, for the message.</param>
    /// <exception cref="StoreException">Somebody has it.</exception>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static LockFile Take(string file, string directory)
    {
        FileStream held;
        try
        {
            held = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (e.HResult is LinuxWouldBlock or MacWouldBlock or WindowsSharingViolation)
        {
            throw new StoreException(StoreFailure.Locked, $"the data directory {directory} is used by another process{Holder(file)}: stop it, or choose another directory with --data", e);
        }

        Sign(held);
        return new LockFile(held);
    }

    public void Dispose() => _held.Dispose();

    private static void Sign(FileStream held)
    {
        try
        {
            held.SetLength(0);
            held.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n")));
        }
        catch (IOException)
        {
            // The lock counts, not the name; a full disk must not keep anybody from opening what is there.
        }
    }

    private static string Holder(string file)
    {
        // Not through FileStream: it would ask for a lock of its own and be refused. Windows refuses anyway.
        if (OperatingSystem.IsWindows())
            return "";
        int descriptor = Open(file, OpenReadOnly);
        if (descriptor < 0)
            return "";
        Span<byte> text = stackalloc byte[16];
        nint length = Read(descriptor, ref MemoryMarshal.GetReference(text), text.Length);
        _ = Close(descriptor);
        return length > 0 && int.TryParse(text[..(int)length].TrimEnd((byte)'\n'), NumberStyles.None, CultureInfo.InvariantCulture, out int holder)
            ? string.Create(CultureInfo.InvariantCulture, $" (process {holder})")
            : "";
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, ref byte buffer, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
