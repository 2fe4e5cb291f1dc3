using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>What a link asks of its event loop. Requests that have not been handled yet are merged.</summary>
[Flags]
internal enum LinkAttention
{
    None = 0,

    /// <summary>A connection that another loop accepted.</summary>
    Attach = 1,

    /// <summary>Call <see cref="Connection.Woken"/>.</summary>
    Wake = 2,

    /// <summary>The broker closed the link.</summary>
    Close = 4,

    /// <summary>The kernel did not take everything: watch for progress.</summary>
    Blocked = 8,

    /// <summary>Output has drained far enough to read on.</summary>
    Resume = 16,

    /// <summary>Sending failed: read what is left, then end.</summary>
    Broken = 32,
}

/// <summary>
/// A socket on an event loop. This part is what any thread may call: output, under the output buffer's lock, and requests to the loop.
/// </summary>
/// <remarks>
/// The thread that produced output sends it itself; only what the kernel does not take is left to the loop, which waits for EPOLLOUT.
/// One thread sends at a time, outside the output's lock, so that others append meanwhile; it goes on with what they have appended.
/// The loop owns the descriptor's life: it alone ends it, under the lock, and others begin to use it only under the lock and only while
/// it is not -1. If one of them is sending just then, that one closes it after its send. So nobody ever sends to a descriptor number
/// that has become another connection's.
/// </remarks>
internal sealed unsafe partial class EpollLink : Link
{
    /// <summary>A publisher whose own output exceeds this many bytes is not read from...</summary>
    private const int HoldAboveBytes = 256 * 1024;

    /// <summary>...until it is below this.</summary>
    private const int ResumeBelowBytes = 64 * 1024;

    // What one call sends before it lets others have their turn.
    private const int SendBytesMax = 1024 * 1024;
    private const int VectorsMax = 32;

    private readonly EventLoop _loop;
    private readonly ListenerIdentity _listener;
    private readonly PeerAddress _peer;
    private OutputBuffer _output;
    private int _attention;
    private int _closeAsked;

    // Under the output's lock:
    private int _fd;
    private uint _interest;
    private int _brokenBy;
    private bool _held;
    private bool _wakeWhenDrained;
    private bool _unwatched;
    private bool _resets;

    public EpollLink(EventLoop loop, int fd, in PeerAddress peer, ListenerIdentity listener)
    {
        _loop = loop;
        _fd = fd;
        _peer = peer;
        _listener = listener;
        _output = new OutputBuffer(loop.Pool);
    }

    public override string Peer => _peer.ToString();

    public override string Listener => _listener.Uri;

    public override AckContract AckContract => _listener.AckContract;

    public override int PendingBytes => _output.PendingBytes;

    public override Span<byte> Reserve(int size) => _output.Reserve(size);

    public override void Commit(int count) => _output.Commit(count);

    public override void SendShared(ReadOnlyMemory<byte> bytes) => _output.Append(bytes);

    public override void Flush()
    {
        if (_output.PendingBytes == 0)
            return;

        var attention = LinkAttention.None;
        _output.Enter();
        try
        {
            // With EPOLLOUT armed the kernel is full and the owner goes on as soon as it is not.
            if (_fd >= 0 && (_interest & Epoll.Out) == 0)
                attention = SendPending();
        }
        finally
        {
            _output.Exit();
        }

        Post(attention);
    }

    public override void Close()
    {
        if (Interlocked.Exchange(ref _closeAsked, 1) != 0)
            return;

        _output.Enter();
        _output.Seal();
        _output.Exit();
        Post(LinkAttention.Close);
    }

    public override void Wake() => Post(LinkAttention.Wake);

    public override void WakeWhenDrained()
    {
        _output.Enter();
        bool drained = _output.PendingBytes == 0;
        _wakeWhenDrained = !drained;
        _output.Exit();
        if (drained)
            Post(LinkAttention.Wake);
    }

    /// <summary>Puts a request to the loop. It is handled in the loop's next iteration, after the sockets have been asked.</summary>
    internal void Post(LinkAttention attention)
    {
        if (attention != LinkAttention.None && Interlocked.Or(ref _attention, (int)attention) == 0)
            _loop.Enqueue(this);
    }

    /// <summary>
    /// Locked, except during the system calls. Sends until nothing is pending or the kernel takes no more, unless another thread is at it;
    /// returns what the loop must be told.
    /// </summary>
    private LinkAttention SendPending()
    {
        if (_output.IsLent)
            return LinkAttention.None;

        int fd = _fd;
        var attention = LinkAttention.None;
        int budget = SendBytesMax;
        while (_output.PendingBytes > 0)
        {
            int asked = 1;
            int sent = budget > 0 ? SendOnce(fd, out asked) : -Errno.TryAgain;
            if (_fd < 0)
            {
                End(fd, _resets);
                return LinkAttention.None;
            }

            if (sent == -Errno.Interrupted)
                continue;

            if (sent < 0 && sent != -Errno.TryAgain)
            {
                _brokenBy = -sent;
                _output.Close();
                attention |= LinkAttention.Broken;
                break;
            }

            budget -= Math.Max(sent, 0);
            if (sent < asked)
            {
                if ((_interest & Epoll.Out) == 0)
                    attention |= LinkAttention.Blocked;
                SetInterest(_interest | Epoll.Out);
                break;
            }
        }

        if (_output.PendingBytes == 0)
        {
            SetInterest(_interest & ~Epoll.Out);
            if (_wakeWhenDrained)
                attention |= LinkAttention.Wake;
            _wakeWhenDrained = false;

            // The loop may wait for the last of it.
            if (_output.IsClosed && _brokenBy == 0)
                attention |= LinkAttention.Close;
        }

        if (_held && _output.PendingBytes < ResumeBelowBytes)
        {
            _held = false;
            attention |= LinkAttention.Resume;
        }

        return attention;
    }

    /// <summary>Locked, except during the system call: one. Returns what the kernel took or minus the error number.</summary>
    private int SendOnce(int fd, out int asked)
    {
        if (!_output.TryGetContiguous(out var bytes))
            return SendSegments(fd, out asked);

        asked = bytes.Length;
        LeaveToSend();
        int sent;
        fixed (byte* start = bytes)
            sent = Libc.Send(fd, start, bytes.Length);
        return Sent(sent);
    }

    private int SendSegments(int fd, out int asked)
    {
        var segments = default(Segments);
        var handles = default(Handles);
        var vectors = stackalloc Libc.IoVector[VectorsMax];
        int count = _output.Gather(segments);
        asked = 0;
        for (int i = 0; i < count; i++)
        {
            var bytes = segments[i].Bytes;
            if (!segments[i].Pinned)
                handles[i] = bytes.Pin();

            // Blocks of the pool are pinned already, so their address holds.
            vectors[i].Base = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes.Span));
            vectors[i].Length = (nuint)bytes.Length;
            asked += bytes.Length;
        }

        LeaveToSend();
        int sent = Sent(Libc.Send(fd, vectors, count));
        for (int i = 0; i < count; i++)
            handles[i].Dispose();
        return sent;
    }

    private void LeaveToSend()
    {
        _output.Lend();
        _output.Exit();
    }

    private int Sent(int result)
    {
        _output.Enter();
        _output.Settle(Math.Max(result, 0));
        return result;
    }

    /// <summary>Locked. Says which events the loop is to be told of.</summary>
    private void SetInterest(uint interest)
    {
        if (interest == _interest)
            return;
        _interest = interest;
        if (!_unwatched)
            _loop.Epoll.Change(_fd, interest, EventLoop.TokenOf(Slot));
    }

    [InlineArray(VectorsMax)]
    private struct Segments
    {
        private OutputBuffer.Segment _first;
    }

    [InlineArray(VectorsMax)]
    private struct Handles
    {
        private MemoryHandle _first;
    }
}
