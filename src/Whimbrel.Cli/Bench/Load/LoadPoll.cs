using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>One epoll instance, level-triggered, for one thread.</summary>
internal sealed unsafe partial class LoadPoll : IDisposable
{
    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HangUp = 0x10;

    private const int CloseOnExec = 0x80000;
    private const int AddCommand = 1;
    private const int ChangeCommand = 3;
    private const int EventsMax = 1024;

    // The kernel packs struct epoll_event { u32 events; u64 token } on x64 only.
    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int EventSize = Packed ? 12 : 16;
    private static readonly int TokenOffset = Packed ? 4 : 8;

    private readonly int _fd;
    private byte* _events;
    private bool _isCoarse;

    public LoadPoll()
    {
        _fd = LoadSystem.Result(epoll_create1(CloseOnExec));
        if (_fd < 0)
            throw new CommandFailure(ExitCode.Failed, $"epoll is not available: {LoadSystem.Describe(-_fd)}");
        _events = (byte*)NativeMemory.AllocZeroed((nuint)(EventsMax * EventSize));
    }

    public void Add(int fd, uint events, int token) => Control(AddCommand, fd, events, token);

    public void Change(int fd, uint events, int token) => Control(ChangeCommand, fd, events, token);

    /// <summary>Waits at most so long. Returns how many events there are.</summary>
    public int Wait(long nanoseconds)
    {
        int count = nanoseconds <= 0 || _isCoarse ? epoll_wait(_fd, _events, EventsMax, (int)(nanoseconds / 1_000_000)) : WaitFine(nanoseconds);
        if (count >= 0)
            return count;
        int error = Marshal.GetLastSystemError();
        return error == LoadSystem.Interrupted ? 0 : throw new CommandFailure(ExitCode.Failed, $"epoll_wait failed: {LoadSystem.Describe(error)}");
    }

    /// <summary>The event number <paramref name="index"/> of the last wait.</summary>
    public uint Event(int index, out int token)
    {
        byte* at = _events + (index * EventSize);
        token = (int)Unsafe.ReadUnaligned<ulong>(at + TokenOffset);
        return Unsafe.ReadUnaligned<uint>(at);
    }

    public void Dispose()
    {
        if (_events is null)
            return;
        LoadSystem.Close(_fd);
        NativeMemory.Free(_events);
        _events = null;
    }

    private int WaitFine(long nanoseconds)
    {
        var time = new LoadSystem.TimeValue { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        const int notImplemented = 38;
        try
        {
            int count = epoll_pwait2(_fd, _events, EventsMax, &time, null);
            if (count >= 0 || Marshal.GetLastSystemError() != notImplemented)
                return count;
        }
        catch (EntryPointNotFoundException)
        {
        }

        // An old kernel or C library: whole milliseconds, rounded down, so that nothing is late and the last one is spun away.
        _isCoarse = true;
        return 0;
    }

    private void Control(int command, int fd, uint events, int token)
    {
        byte* entry = stackalloc byte[16];
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + TokenOffset, (ulong)token);
        int result = LoadSystem.Result(epoll_ctl(_fd, command, fd, entry));
        if (result < 0)
            throw new CommandFailure(ExitCode.Failed, $"epoll_ctl failed: {LoadSystem.Describe(-result)}");
    }

    [LibraryImport("libc")]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    private static partial int epoll_ctl(int epoll, int command, int fd, byte* entry);

    [LibraryImport("libc")]
    private static partial int epoll_wait(int epoll, byte* events, int eventsMax, int timeoutMilliseconds);

    [LibraryImport("libc")]
    private static partial int epoll_pwait2(int epoll, byte* events, int eventsMax, LoadSystem.TimeValue* timeout, void* signals);
}
