using Microsoft.AspNetCore.Connections;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>
/// A link over a connection's pipes: plain sockets where our event loops are not available, and whatever else gives us pipes. This
/// part is what any thread may call; the reading strand is in the other.
/// </summary>
/// <remarks>
/// Output goes into the same buffer as on an event loop. Whoever flushes first becomes the writer: it moves what is pending into the
/// pipe until nothing is left, while others only append.
/// </remarks>
internal sealed partial class PipeLink : Link
{
    private const int HoldAboveBytes = 256 * 1024;
    private const int ResumeBelowBytes = 64 * 1024;

    // Progress is seen once for each write, so a write must not be so long that a slow reader looks like one that stalls.
    private const int WriteBytesMax = 32 * 1024;

    private readonly PipeHost _host;
    private readonly ConnectionContext _transport;
    private OutputBuffer _output = new(BlockPool.Shared);
    private int _attention;
    private int _closeAsked;
    private TaskCompletionSource? _waiting;

    // Under the output's lock:
    private bool _writing;
    private bool _broken;
    private bool _held;
    private bool _wakeWhenDrained;
    private TaskCompletionSource? _drained;

    private readonly ListenerIdentity _listener;

    // The heartbeat's:
    private uint _sentSeen;
    private long _progressAt;

    public PipeLink(PipeHost host, ConnectionContext transport, string peer, ListenerIdentity listener)
    {
        _host = host;
        _transport = transport;
        Peer = peer;
        _listener = listener;
    }

    [Flags]
    private enum Attention
    {
        None = 0,
        Wake = 1,
        Close = 2,
        Resume = 4,
        Stalled = 8,
        Stop = 16,
        Trickle = 32,
    }

    public override string Peer { get; }

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

        _output.Enter();
        bool begin = !_writing && !_broken;
        _writing |= begin;
        _output.Exit();
        if (begin)
            _ = WriteAsync();
    }

    public override void Close()
    {
        if (Interlocked.Exchange(ref _closeAsked, 1) != 0)
            return;

        _output.Enter();
        _output.Seal();
        _output.Exit();
        Post(Attention.Close);
    }

    public override void Wake() => Post(Attention.Wake);

    public override void WakeWhenDrained()
    {
        _output.Enter();
        bool drained = _output.PendingBytes == 0;
        _wakeWhenDrained = !drained;
        _output.Exit();
        if (drained)
            Post(Attention.Wake);
    }

    /// <summary>The host stops.</summary>
    public void Stop() => Post(Attention.Stop);

    /// <summary>The host stops now.</summary>
    public void Abort() => _transport.Abort(new ConnectionAbortedException("the broker is stopping"));

    /// <summary>Called about once a second by the heartbeat.</summary>
    public void CheckProgress(long nowMilliseconds, int stallMilliseconds)
    {
        if (_held)
            Post(Attention.Trickle);
        uint sent = _output.SentBytes;
        if (_output.PendingBytes == 0 || sent != _sentSeen || _progressAt == 0)
        {
            _sentSeen = sent;
            _progressAt = nowMilliseconds;
        }
        else if (nowMilliseconds - _progressAt >= stallMilliseconds)
        {
            Post(Attention.Stalled);
        }
    }

    private void Post(Attention attention)
    {
        Interlocked.Or(ref _attention, (int)attention);
        Interlocked.Exchange(ref _waiting, null)?.TrySetResult();

        // A read that waits ends without data; with none waiting, the next one does.
        _transport.Transport.Input.CancelPendingRead();
    }

    /// <summary>The one writer: moves bytes to the pipe until nothing is pending.</summary>
    private async Task WriteAsync()
    {
        try
        {
            while (TryWrite(out int written))
            {
                // The pipe's buffer is set to nothing, so this completes when the socket has taken the bytes.
                var result = await _transport.Transport.Output.FlushAsync().ConfigureAwait(false);
                if (!Written(written, result.IsCompleted || result.IsCanceled))
                    return;
            }
        }
        catch (Exception)
        {
            // Whatever it is, nothing can be written any more; the reading side learns the cause.
            Written(0, isBroken: true);
        }
    }

    /// <summary>Copies into the pipe. False, and nobody is the writer any more, when nothing is pending.</summary>
    private bool TryWrite(out int written)
    {
        _output.Enter();
        try
        {
            written = Math.Min(_output.PendingBytes, WriteBytesMax);
            _writing = written > 0 && !_broken;
            if (_writing)
            {
                var target = _transport.Transport.Output.GetSpan(written);
                written = _output.CopyTo(target[..written]);
                _transport.Transport.Output.Advance(written);
            }

            return _writing;
        }
        finally
        {
            _output.Exit();
        }
    }

    /// <summary>Counts what the socket took and tells whoever waits for it. False when writing has ended for good.</summary>
    private bool Written(int count, bool isBroken)
    {
        var attention = Attention.None;
        _output.Enter();
        if (isBroken || _broken)
        {
            _broken = true;
            _writing = false;
            _output.Close();
        }
        else
        {
            _output.Advance(count);
        }

        if (_output.PendingBytes == 0)
        {
            if (_wakeWhenDrained)
                attention |= Attention.Wake;
            _wakeWhenDrained = false;
            _drained?.TrySetResult();
        }

        if (_held && _output.PendingBytes < ResumeBelowBytes)
        {
            _held = false;
            attention |= Attention.Resume;
        }

        bool goesOn = !_broken;
        _output.Exit();
        if (attention != Attention.None)
            Post(attention);
        return goesOn;
    }
}
