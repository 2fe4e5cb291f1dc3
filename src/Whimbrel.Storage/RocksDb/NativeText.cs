using System.Runtime.InteropServices;
using System.Text;

namespace Whimbrel.Storage;

/// <summary>Texts on their way to and from C.</summary>
internal static unsafe class NativeText
{
    /// <summary>Takes an error over from RocksDB, and frees it.</summary>
    /// <returns>Null when there was none.</returns>
    public static string? Take(byte* error)
    {
        if (error is null)
            return null;
        string text = Marshal.PtrToStringUTF8((nint)error) ?? "";
        Native.Free(error);
        return text;
    }

    public static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];
}
