using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>The part of a link that ends it. Loop thread only.</summary>
internal sealed unsafe partial class EpollLink
{
    /// <summary>The longest that what is pending at a close may take to leave.</summary>
    private const int ClosingMilliseconds = 5_000;

    /// <summary>The longest that a closed link waits for the peer's own close.</summary>
    private const int LingerMilliseconds = 2_000;

    // The same while the loop stops.
    private const int LingerStoppingMilliseconds = 500;
    private const int DiscardReadsMax = 16;

    // A client that is held still shows ten times a second that it lives, and acknowledges.
    private const int TrickleBytes = 1024;

    private long _since;
    private uint _sentSeen;

    /// <summary>The place in the loop's list of links that wait for something, or -1.</summary>
    internal int TimedIndex { get; set; } = -1;

    /// <summary>Called about ten times a second while the link waits for something.</summary>
    internal void OnTick(long nowMilliseconds)
    {
        if (_phase == LinkPhase.Open && _held && !_paused && !_ended && !_deferred && !_unwatched)
            ReadOnce(TrickleBytes);

        long waited = nowMilliseconds - _since;
        switch (_phase)
        {
            case LinkPhase.Open when _output.PendingBytes == 0:
                _loop.Unwatch(this);
                break;
            case LinkPhase.Open when _output.SentBytes != _sentSeen:
                WatchProgress();
                break;
            case LinkPhase.Open when waited >= _loop.StallMilliseconds:
                BeginClose(CloseCause.WriteStalled, reset: true);
                break;
            case LinkPhase.Closing when waited >= ClosingMilliseconds:
                Finish(CloseCause.PeerClosed, reset: true);
                break;
            case LinkPhase.Lingering when waited >= (_loop.IsStopping ? LingerStoppingMilliseconds : LingerMilliseconds):
                CloseDescriptor(reset: false);
                break;
        }
    }

    /// <summary>The loop stops: ends the link as the broker would have.</summary>
    internal void Stop() => BeginClose(CloseCause.ServerShuttingDown, reset: false);

    /// <summary>The loop stops now: ends the link without waiting for anything.</summary>
    internal void Abandon()
    {
        if (_phase is LinkPhase.Open or LinkPhase.Closing)
            Finish(CloseCause.ServerShuttingDown, reset: true);
        CloseDescriptor(reset: false);
    }

    /// <summary>An exception came out of the link or of the broker: the other links must not suffer.</summary>
    internal void Fail(Exception exception)
    {
        HostingLog.LinkFailed(_loop.Logger, exception, Peer);
        try
        {
            if (_phase is LinkPhase.Open or LinkPhase.Closing)
                Finish(CloseCause.PeerReset("internal error"), reset: true);
        }
        catch (Exception again)
        {
            HostingLog.LinkFailed(_loop.Logger, again, Peer);
        }
        finally
        {
            CloseDescriptor(reset: true);
        }
    }

    private void BeginClose(in CloseCause cause, bool reset)
    {
        if (_phase != LinkPhase.Open)
            return;

        _phase = LinkPhase.Closing;
        _carry.Release(_loop.Pool);
        if (!reset)
        {
            _output.Enter();
            _output.Seal();
            _held = false;
            SetInterest(_interest & ~(Epoll.In | Epoll.ReadHangUp));
            SendPending();
            _output.Exit();
        }

        if (reset || _output.PendingBytes == 0)
        {
            Finish(cause, reset || _brokenBy != 0);
            return;
        }

        _since = _loop.NowMilliseconds;
        _loop.Watch(this);
    }

    /// <summary>The output has left, or never will: tells the broker, then ends the socket.</summary>
    private void Finish(in CloseCause cause, bool reset)
    {
        _phase = LinkPhase.Lingering;
        _output.Enter();
        _output.Close();
        _output.Exit();
        _carry.Release(_loop.Pool);
        _connection?.Closed(cause, _loop.Turn);

        // Closing while the peer still sends makes the kernel send a reset, which can overtake the last packet at the peer.
        // So: our FIN, then wait for the peer's.
        if (reset || _peerFinished || _unwatched || Libc.Shutdown(_fd, Libc.ShutdownWrite) < 0)
        {
            CloseDescriptor(reset);
            return;
        }

        _output.Enter();
        SetInterest(Epoll.In | Epoll.ReadHangUp);
        _output.Exit();
        _since = _loop.NowMilliseconds;
        _loop.Watch(this);
    }

    private void Discard()
    {
        for (int i = 0; i < DiscardReadsMax; i++)
        {
            int count = Libc.Receive(_fd, _loop.ReadBuffer, EventLoop.ReadBytes);
            if (count == -Errno.TryAgain)
                return;
            if (count <= 0 && count != -Errno.Interrupted)
                break;
        }

        // The peer has closed, or it sends without reading.
        CloseDescriptor(reset: false);
    }

    private void CloseDescriptor(bool reset)
    {
        if (_phase == LinkPhase.Closed)
            return;

        _phase = LinkPhase.Closed;
        _output.Enter();
        int fd = _fd;
        _fd = -1;
        _resets = reset;
        bool isSending = _output.IsLent;

        // Explicitly: a process that is just being started may hold a copy of the descriptor for a moment.
        if (!_unwatched)
            _loop.Epoll.Remove(fd);
        _unwatched = true;
        _output.Close();
        _output.Exit();
        _carry.Release(_loop.Pool);
        if (!isSending)
            End(fd, reset);
        _loop.Unwatch(this);
        _loop.Displace(this);
    }

    private static void End(int fd, bool reset)
    {
        if (reset)
            Libc.SetResetOnClose(fd);
        Libc.Close(fd);
    }

    private void WatchProgress()
    {
        if (_phase != LinkPhase.Open)
            return;
        _since = _loop.NowMilliseconds;
        _sentSeen = _output.SentBytes;
        _loop.Watch(this);
    }
}
