using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Whimbrel.Hosting;

/// <summary>One epoll instance, level-triggered. Adding, changing and removing may be done by any thread, waiting by one.</summary>
internal sealed unsafe partial class Epoll
{
    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HangUp = 0x10;
    public const uint ReadHangUp = 0x2000;

    private const int CloseOnExec = 0x80000;
    private const int AddCommand = 1;
    private const int RemoveCommand = 2;
    private const int ChangeCommand = 3;

    // The kernel packs struct epoll_event { u32 events; u64 token } on x64 only.
    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int EventSize = Packed ? 12 : 16;
    private static readonly int TokenOffset = Packed ? 4 : 8;

    private readonly int _fd;
    private readonly int _eventsMax;
    private byte* _events;

    public Epoll(int eventsMax)
    {
        _eventsMax = eventsMax;
        _fd = epoll_create1(CloseOnExec);
        if (_fd < 0)
            throw new InvalidOperationException($"epoll is not available: {Errno.Describe(Marshal.GetLastSystemError())}");
        _events = (byte*)NativeMemory.AllocZeroed((nuint)(eventsMax * EventSize));
    }

    public int Add(int fd, uint events, ulong token) => Control(AddCommand, fd, events, token);

    public int Change(int fd, uint events, ulong token) => Control(ChangeCommand, fd, events, token);

    public int Remove(int fd) => Control(RemoveCommand, fd, 0, 0);

    /// <summary>Waits for events: 0 does not wait, -1 waits without end. Returns how many there are.</summary>
    public int Wait(int timeoutMilliseconds)
    {
        int count = epoll_wait(_fd, _events, _eventsMax, timeoutMilliseconds);
        if (count >= 0)
            return count;

        int error = Marshal.GetLastSystemError();
        return error == Errno.Interrupted ? 0 : throw new InvalidOperationException($"epoll_wait failed: {Errno.Describe(error)}");
    }

    /// <summary>The event number <paramref name="index"/> of the last wait.</summary>
    public uint Event(int index, out ulong token)
    {
        byte* at = _events + (index * EventSize);
        token = Unsafe.ReadUnaligned<ulong>(at + TokenOffset);
        return Unsafe.ReadUnaligned<uint>(at);
    }

    public void Close()
    {
        if (_events is null)
            return;
        Libc.Close(_fd);
        NativeMemory.Free(_events);
        _events = null;
    }

    private int Control(int command, int fd, uint events, ulong token)
    {
        byte* entry = stackalloc byte[16];
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + TokenOffset, token);
        return epoll_ctl(_fd, command, fd, entry) >= 0 ? 0 : -Marshal.GetLastSystemError();
    }

    [LibraryImport("libc")]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    private static partial int epoll_ctl(int epoll, int command, int fd, byte* entry);

    [LibraryImport("libc")]
    private static partial int epoll_wait(int epoll, byte* events, int eventsMax, int timeoutMilliseconds);
}
