using System.Runtime.InteropServices;

namespace Whimbrel.Hosting;

/// <summary>The system calls of the event loops. Every wrapper returns the result, or minus the error number.</summary>
/// <remarks>The constants are those of Linux on x64, Arm and RISC-V, which agree. Descriptors are always non-blocking and close-on-exec.</remarks>
internal static unsafe partial class Libc
{
    public const int SockStream = 1;
    public const int SockNonBlockCloseOnExec = 0x800 | 0x80000;
    public const int SolSocket = 1;
    public const int SoReuseAddress = 2;
    public const int SoKeepAlive = 9;
    public const int SoLinger = 13;
    public const int ProtocolTcp = 6;
    public const int TcpNoDelay = 1;
    public const int TcpKeepIdleSeconds = 4;
    public const int TcpKeepIntervalSeconds = 5;
    public const int TcpKeepCount = 6;
    public const int ProtocolIPv6 = 41;
    public const int IPv6Only = 26;
    public const int ShutdownWrite = 1;
    private const int NoSignal = 0x4000;
    private const int OpenReadOnlyNonBlockCloseOnExec = 0x800 | 0x80000;
    private const int DescriptorResource = 7;
    private const int EventNonBlockCloseOnExec = 0x800 | 0x80000;

    public static int Receive(int fd, byte* buffer, int length) => Result(recv(fd, buffer, (nuint)length, 0));

    public static int Send(int fd, byte* buffer, int length) => Result(send(fd, buffer, (nuint)length, NoSignal));

    public static int Send(int fd, IoVector* vectors, int count)
    {
        var header = new MessageHeader { Vectors = vectors, VectorCount = (nuint)count };
        return Result(sendmsg(fd, &header, NoSignal));
    }

    public static int Accept(int fd, byte* address, int* addressLength) => Result(accept4(fd, address, addressLength, SockNonBlockCloseOnExec));

    public static int Socket(int family) => Result(socket(family, SockStream | SockNonBlockCloseOnExec, 0));

    public static int Bind(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* bytes = address)
            return Result(bind(fd, bytes, address.Length));
    }

    public static int Listen(int fd, int backlog) => Result(listen(fd, backlog));

    public static int LocalAddress(int fd, byte* address, int* addressLength) => Result(getsockname(fd, address, addressLength));

    public static int SetOption(int fd, int level, int option, int value) => Result(setsockopt(fd, level, option, &value, sizeof(int)));

    /// <summary>Makes the close that follows reset the connection and drop what the kernel still holds for the peer.</summary>
    public static int SetResetOnClose(int fd)
    {
        long onWithZeroSeconds = 1; // struct linger { int on = 1; int seconds = 0 }, little-endian
        if (!BitConverter.IsLittleEndian)
            onWithZeroSeconds <<= 32;
        return Result(setsockopt(fd, SolSocket, SoLinger, &onWithZeroSeconds, sizeof(long)));
    }

    public static int Shutdown(int fd, int how) => Result(shutdown(fd, how));

    public static int Close(int fd) => Result(close(fd));

    /// <summary>Opens a file for nothing but to hold a descriptor, or to learn what it is.</summary>
    public static int Open(string path) => Result(open(path, OpenReadOnlyNonBlockCloseOnExec));

    public static int EventCounter() => Result(eventfd(0, EventNonBlockCloseOnExec));

    public static int WriteCounter(int fd)
    {
        ulong one = 1;
        return Result(write(fd, &one, sizeof(ulong)));
    }

    public static int ReadCounter(int fd)
    {
        ulong count;
        return Result(read(fd, &count, sizeof(ulong)));
    }

    /// <summary>How many descriptors the process may have; <see cref="long.MaxValue"/> if there is no limit or it is not known.</summary>
    public static long DescriptorLimit()
    {
        var limit = default(ResourceLimit);
        bool known = getrlimit(DescriptorResource, &limit) == 0 && limit.Soft <= int.MaxValue;
        return known ? (long)limit.Soft : long.MaxValue;
    }

    private static int Result(nint result) => result >= 0 ? (int)result : -Marshal.GetLastSystemError();

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastSystemError();

    [LibraryImport("libc")]
    private static partial nint recv(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial nint send(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial nint sendmsg(int fd, MessageHeader* message, int flags);

    [LibraryImport("libc")]
    private static partial int accept4(int fd, byte* address, int* length, int flags);

    [LibraryImport("libc")]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int bind(int fd, byte* address, int length);

    [LibraryImport("libc")]
    private static partial int listen(int fd, int backlog);

    [LibraryImport("libc")]
    private static partial int getsockname(int fd, byte* address, int* length);

    [LibraryImport("libc")]
    private static partial int setsockopt(int fd, int level, int option, void* value, int length);

    [LibraryImport("libc")]
    private static partial int shutdown(int fd, int how);

    [LibraryImport("libc")]
    private static partial int close(int fd);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc")]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial nint read(int fd, void* buffer, nuint length);

    [LibraryImport("libc")]
    private static partial nint write(int fd, void* buffer, nuint length);

    [LibraryImport("libc")]
    private static partial int getrlimit(int resource, ResourceLimit* limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public nuint Soft;
        public nuint Hard;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
