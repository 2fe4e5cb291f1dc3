namespace Whimbrel.Hosting;

/// <summary>The error numbers of Linux that the event loops tell apart, and what to call them in a log line.</summary>
internal static class Errno
{
    public const int OperationNotPermitted = 1;
    public const int Interrupted = 4;
    public const int NoSuchDeviceOrAddress = 6;
    public const int TryAgain = 11;
    public const int OutOfMemory = 12;
    public const int PermissionDenied = 13;
    public const int TooManyFilesInSystem = 23;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int NoNetwork = 64;
    public const int ProtocolError = 71;
    public const int ProtocolNotAvailable = 92;
    public const int OperationNotSupported = 95;
    public const int AddressFamilyNotSupported = 97;
    public const int AddressInUse = 98;
    public const int AddressNotAvailable = 99;
    public const int NetworkDown = 100;
    public const int NetworkUnreachable = 101;
    public const int ConnectionAborted = 103;
    public const int ConnectionReset = 104;
    public const int NoBufferSpace = 105;
    public const int TimedOut = 110;
    public const int HostDown = 112;
    public const int HostUnreachable = 113;

    /// <summary>Whether accept reports what happened to the connection before it was taken, and not to the listener.</summary>
    public static bool IsOfConnection(int error) => error is OperationNotPermitted or Interrupted or NoNetwork or ProtocolError or ProtocolNotAvailable
        or OperationNotSupported or NetworkDown or NetworkUnreachable or ConnectionAborted or ConnectionReset or TimedOut or HostDown or HostUnreachable;

    /// <summary>Why a listener could not be opened.</summary>
    public static string Describe(int error) => error switch
    {
        AddressInUse => "address already in use",
        AddressNotAvailable => "this machine has no such address",
        AddressFamilyNotSupported => "this machine does not support this kind of address",
        PermissionDenied => "permission denied",
        TooManyFiles => "the process has too many open files (ulimit -n)",
        TooManyFilesInSystem => "the system has too many open files",
        OutOfMemory or NoBufferSpace => "the kernel is out of memory",
        _ => $"error {error}",
    };

    /// <summary>What happened to a connection, as a constant phrase.</summary>
    public static string DescribeBreak(int error) => error switch
    {
        ConnectionReset or BrokenPipe => "the peer reset the connection",
        TimedOut => "the network did not answer in time",
        HostUnreachable or NetworkUnreachable => "the network to the peer is gone",
        _ => "the connection broke",
    };
}
