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
/// The loop owns the descriptor's life: it alone closes it, under the output's lock, and other threads use it only under that lock
/// and only while it is not -1. So nobody ever sends to a descriptor number that has become another connection's. The thread that
/// produced output sends it itself; only what the kernel does not take is left to the loop, which waits for EPOLLOUT.
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
    private readonly OutputBuffer _output;
    private readonly ListenerIdentity _listener;
    private readonly PeerAddress _peer;
    private int _attention;
    private int _closeAsked;

    // Under the output's lock:
    private int _fd;
    private uint _interest;
    private int _brokenBy;
    private bool _held;
    private bool _wakeWhenDrained;
    private bool _unwatched;

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

    /// <summary>Locked. Sends until nothing is pending or the kernel takes no more; returns what the loop must be told.</summary>
    private LinkAttention SendPending()
    {
        var attention = LinkAttention.None;
        int budget = SendBytesMax;
        while (_output.PendingBytes > 0)
        {
            int asked = 1;
            int sent = budget > 0 ? SendOnce(out asked) : -Errno.TryAgain;
            if (sent == -Errno.Interrupted)
                continue;

            if (sent < 0 && sent != -Errno.TryAgain)
            {
                _brokenBy = -sent;
                _output.Close();
                attention |= LinkAttention.Broken;
                break;
            }

            if (sent > 0)
            {
                _output.Advance(sent);
                budget -= sent;
            }

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
        }

        if (_held && _output.PendingBytes < ResumeBelowBytes)
        {
            _held = false;
            attention |= LinkAttention.Resume;
        }

        return attention;
    }

    /// <summary>Locked. One system call. Returns what the kernel took or minus the error number.</summary>
    private int SendOnce(out int asked)
    {
        if (_output.TryGetContiguous(out var bytes))
        {
            asked = bytes.Length;
            fixed (byte* start = bytes)
                return Libc.Send(_fd, start, bytes.Length);
        }

        return SendSegments(out asked);
    }

    private int SendSegments(out int asked)
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

        int sent = Libc.Send(_fd, vectors, count);
        for (int i = 0; i < count; i++)
            handles[i].Dispose();
        return sent;
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
