namespace Whimbrel.Storage;

/// <summary>What errors of the file system mean.</summary>
internal static class Disk
{
    private const int NoSpace = 28;
    private const int LinuxQuotaExceeded = 122;
    private const int MacQuotaExceeded = 69;
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    public static bool IsFull(IOException e) => e.HResult is NoSpace or WindowsDiskFull || e.HResult == (OperatingSystem.IsMacOS() ? MacQuotaExceeded : LinuxQuotaExceeded);
}
