using System.Runtime.InteropServices;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>The system calls of the load loop. Every call that can fail returns minus the error number.</summary>
/// <remarks>The constants are those of Linux on x64, Arm and RISC-V, which agree. Descriptors are non-blocking and close-on-exec.</remarks>
internal static unsafe partial class LoadSystem
{
    public const int Interrupted = 4;
    public const int TryAgain = 11;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int AddressNotAvailable = 99;
    public const int ConnectionReset = 104;
    public const int NotConnected = 107;
    public const int ConnectionRefused = 111;
    public const int InProgress = 115;

    private const int StreamNonBlockCloseOnExec = 1 | 0x800 | 0x80000;
    private const int NoSignal = 0x4000;
    private const int ProtocolIp = 0;
    private const int ProtocolTcp = 6;
    private const int TcpNoDelay = 1;
    private const int BindAddressNoPort = 24;
    private const int SetTimerSlack = 29;
    private const ushort UnixFamily = 1;

    /// <summary>An unconnected socket for this address; small packets leave at once.</summary>
    public static int Open(ReadOnlySpan<byte> address)
    {
        ushort family = MemoryMarshal.Read<ushort>(address);
        int fd = Result(socket(family, StreamNonBlockCloseOnExec, 0));
        int on = 1;
        if (fd >= 0 && family != UnixFamily)
            _ = setsockopt(fd, ProtocolTcp, TcpNoDelay, &on, sizeof(int));
        return fd;
    }

    /// <summary>Sets where the connection comes from. The port is chosen when connecting, so that each address has all of them.</summary>
    public static int Bind(int fd, ReadOnlySpan<byte> address)
    {
        int on = 1;
        _ = setsockopt(fd, ProtocolIp, BindAddressNoPort, &on, sizeof(int));
        fixed (byte* bytes = address)
            return Result(bind(fd, bytes, address.Length));
    }

    public static int Connect(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* bytes = address)
            return Result(connect(fd, bytes, address.Length));
    }

    public static int Receive(int fd, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
            return (int)Result(recv(fd, bytes, (nuint)buffer.Length, 0));
    }

    public static int Send(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* bytes = buffer)
            return (int)Result(send(fd, bytes, (nuint)buffer.Length, NoSignal));
    }

    public static int Close(int fd) => Result(close(fd));

    /// <summary>Lets this thread's timed waits end when they are due, and not up to 50 microseconds later.</summary>
    public static void WakeExactly() => _ = prctl(SetTimerSlack, 1, 0, 0, 0);

    /// <summary>The CPU time that all threads of a process have used, in nanoseconds; -1 if there is no such process.</summary>
    public static long CpuNanoseconds(int pid)
    {
        // CPUCLOCK_SCHED of a whole process, as clock_getcpuclockid makes it.
        int clock = (~pid << 3) | 2;
        TimeValue time;
        return clock_gettime(clock, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : -1;
    }

    /// <summary>What people need to know of an error number.</summary>
    public static string Describe(int error) => error switch
    {
        ConnectionRefused => "connection refused: nothing listens on that port",
        TooManyFiles => "this process may not have more connections (ulimit -n)",
        AddressNotAvailable => "there are no free ports, or this machine lacks the address; --sources takes several",
        ConnectionReset or BrokenPipe => "the broker reset the connection",
        _ => Marshal.GetPInvokeErrorMessage(error),
    };

    internal static int Result(int result) => result >= 0 ? result : -Marshal.GetLastSystemError();

    private static nint Result(nint result) => result >= 0 ? result : -Marshal.GetLastSystemError();

    [LibraryImport("libc")]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int setsockopt(int fd, int level, int option, void* value, int length);

    [LibraryImport("libc")]
    private static partial int bind(int fd, byte* address, int length);

    [LibraryImport("libc")]
    private static partial int connect(int fd, byte* address, int length);

    [LibraryImport("libc")]
    private static partial nint recv(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial nint send(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial int close(int fd);

    [LibraryImport("libc")]
    private static partial int prctl(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, TimeValue* time);

    [StructLayout(LayoutKind.Sequential)]
    internal struct TimeValue
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
