using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>The part of a link that only its loop's thread calls: reading, pausing, resuming.</summary>
internal sealed unsafe partial class EpollLink
{
    private const int PortionBytes = 2048;

    private Connection? _connection;
    private CarryBuffer _carry;
    private LinkPhase _phase;
    private bool _paused;
    private bool _deferred;
    private bool _ended;
    private bool _peerFinished;

    private enum LinkPhase : byte
    {
        /// <summary>Not yet in its loop.</summary>
        New,
        Open,

        /// <summary>Reads nothing and sends what is pending, for a bounded time.</summary>
        Closing,

        /// <summary>The broker is done with it; it waits for the peer's end, so that no reset destroys what was sent last.</summary>
        Lingering,
        Closed,
    }

    /// <summary>The place in the loop's table; the token of its events.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>Loop thread. Handles what was asked through <see cref="Post"/>.</summary>
    internal void Attend()
    {
        var what = (LinkAttention)Interlocked.Exchange(ref _attention, 0);
        if ((what & LinkAttention.Attach) != 0)
            Attach();
        if ((what & LinkAttention.Blocked) != 0)
            WatchProgress();
        if (_phase == LinkPhase.Open && (what & LinkAttention.Close) != 0)
            BeginClose(CloseCause.PeerClosed, reset: false);
        if (_phase == LinkPhase.Open && (what & LinkAttention.Wake) != 0)
            Woken();
        if (_phase == LinkPhase.Open && (what & LinkAttention.Broken) != 0)
            LeaveEpoll();
        if (_phase == LinkPhase.Open && (what & (LinkAttention.Resume | LinkAttention.Broken)) != 0)
            ReadOn();
        if (_phase == LinkPhase.Closing && _output.PendingBytes == 0)
            Finish(CloseCause.PeerClosed, _brokenBy != 0);
    }

    /// <summary>Loop thread. Handles what epoll reported.</summary>
    internal void OnEvents(uint events)
    {
        switch (_phase)
        {
            case LinkPhase.Open when (events & (Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0 && !_loop.MayEnd():
                break;
            case LinkPhase.Open:
                if ((events & Epoll.Out) != 0)
                    ContinueSending();
                if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0)
                    Read(events);
                break;
            case LinkPhase.Closing:
                ContinueSending();
                if (_output.PendingBytes == 0)
                    Finish(CloseCause.PeerClosed, _brokenBy != 0);
                break;
            case LinkPhase.Lingering:
                Discard();
                break;
        }
    }

    private void Attach()
    {
        Slot = _loop.Place(this);
        _interest = Epoll.In | Epoll.ReadHangUp;
        if (_loop.Epoll.Add(_fd, _interest, EventLoop.TokenOf(Slot)) < 0)
        {
            CloseDescriptor(reset: true);
            return;
        }

        _phase = LinkPhase.Open;
        _connection = _loop.Broker.Accept(this, _loop.Turn);
    }

    private void ContinueSending()
    {
        _output.Enter();
        var attention = SendPending();
        _output.Exit();
        Post(attention);
    }

    private void Read(uint events)
    {
        bool over = (events & (Epoll.HangUp | Epoll.Error)) != 0;
        if (_ended)
        {
            _peerFinished |= over || (events & Epoll.ReadHangUp) != 0;
            StopReading();
            return;
        }

        // What is left from the last turn comes first; it is asked for already.
        if (_deferred)
            return;

        if (_paused || _held || IsBehind())
        {
            // A hang-up cannot be masked: out of epoll with it, and what has arrived is read when the pause is over.
            if (over)
                LeaveEpoll();
            else
                StopReading();
            return;
        }

        // One read for each link, a short one when it is late already, then the next link's turn. But a FIN that stands behind the data
        // is read with it.
        bool filled = ReadOnce(_loop.IsTurnLong ? PortionBytes : EventLoop.ReadBytes);
        bool finished = (events & Epoll.ReadHangUp) != 0;
        if (finished && !filled && _phase == LinkPhase.Open && !_paused && !_deferred && !_ended)
            ReadOnce(EventLoop.ReadBytes);
        _peerFinished |= finished && !filled;
    }

    /// <summary>One receive and its processing. True if there is probably more to read at once.</summary>
    private bool ReadOnce(int most)
    {
        int kept = _carry.Length;
        if (kept > EventLoop.PrefixBytes || _carry.FrameLength > 2 * EventLoop.PrefixBytes)
        {
            // A long frame is read into its own buffer: nothing is copied twice.
            var room = _carry.Room(_loop.Pool);
            room = room[..Math.Min(room.Length, most)];
            int added;
            fixed (byte* target = room)
                added = Libc.Receive(_fd, target, room.Length);
            if (added <= 0)
                return OnReadEnd(added);

            bool full = added == room.Length;
            _carry.Added(added);
            Deliver(_carry.Bytes);
            return full;
        }

        byte* buffer = _loop.ReadBuffer + EventLoop.PrefixBytes;
        int count = Libc.Receive(_fd, buffer, most);
        if (count <= 0)
            return OnReadEnd(count);

        // What was kept goes in front of what has arrived.
        _carry.Bytes.CopyTo(new Span<byte>(buffer - kept, kept));
        Deliver(new ReadOnlySpan<byte>(buffer - kept, kept + count));
        return count == most;
    }

    /// <summary>
    /// Gives bytes to the connection, some at a time, because a few kilobytes of small messages to many subscribers can be a second's
    /// work: when the turn has lasted long enough the rest waits for the next, behind the other links.
    /// </summary>
    private void Deliver(ReadOnlySpan<byte> bytes)
    {
        ReceiveStatus status;
        int frameLength;
        int portion = PortionBytes;
        while (true)
        {
            portion = Math.Min(portion, bytes.Length);
            status = _connection!.Receive(bytes[..portion], _loop.Turn, out int consumed, out frameLength);
            bytes = bytes[consumed..];
            bool more = status == ReceiveStatus.NeedMore && consumed + bytes.Length > portion && bytes.Length >= frameLength;
            if (!more || (_deferred = _loop.IsTurnLong))
                break;

            // A frame longer than a portion is given whole.
            portion = Math.Max(PortionBytes, frameLength);
        }

        _ended = status == ReceiveStatus.Ended;
        _paused = status == ReceiveStatus.Paused;
        if (_ended)
            _carry.Release(_loop.Pool);
        else
            _carry.Keep(bytes, _paused ? 0 : frameLength, _loop.Pool);
        if (_deferred)
            Post(LinkAttention.Resume);
    }

    private bool OnReadEnd(int result)
    {
        switch (-result)
        {
            case 0:
                _peerFinished = true;
                BeginClose(_brokenBy == 0 ? CloseCause.PeerClosed : CloseCause.PeerReset(Errno.DescribeBreak(_brokenBy)), reset: false);
                break;
            case Errno.Interrupted:
            case Errno.TryAgain when !_unwatched:
                break;
            case Errno.TryAgain:
                BeginClose(CloseCause.PeerReset(Errno.DescribeBreak(_brokenBy)), reset: true);
                break;
            default:
                BeginClose(CloseCause.PeerReset(Errno.DescribeBreak(-result)), reset: true);
                break;
        }

        return false;
    }

    private void Woken()
    {
        _connection!.Woken(_loop.Turn);
        if (_phase != LinkPhase.Open || !_paused)
            return;

        _paused = false;
        Deliver(_carry.Bytes);
        ReadOn();
    }

    /// <summary>Reads again, if nothing stands against it any more.</summary>
    private void ReadOn()
    {
        if (_phase == LinkPhase.Open && _deferred)
        {
            _deferred = false;
            Deliver(_carry.Bytes);
        }

        if (_phase != LinkPhase.Open || _paused || _held || _deferred || _ended)
            return;

        if (!_unwatched)
        {
            _output.Enter();
            SetInterest(_interest | Epoll.In | Epoll.ReadHangUp);
            _output.Exit();
            return;
        }

        // Epoll says nothing any more: read one buffer in each iteration until there is an end.
        ReadOnce(EventLoop.ReadBytes);
        if (_phase == LinkPhase.Open)
            Post(LinkAttention.Resume);
    }

    private void StopReading()
    {
        _output.Enter();
        SetInterest(_interest & ~(Epoll.In | Epoll.ReadHangUp));
        _output.Exit();
    }

    /// <summary>Holds the reading of a publisher that does not read what we send to it.</summary>
    private bool IsBehind()
    {
        if (_output.PendingBytes <= HoldAboveBytes)
            return false;

        // Under the lock, so that whoever drains the output sees the mark.
        _output.Enter();
        _held = _output.PendingBytes > HoldAboveBytes;
        _output.Exit();
        return _held;
    }

    private void LeaveEpoll()
    {
        if (_unwatched)
            return;

        _output.Enter();
        _loop.Epoll.Remove(_fd);
        _unwatched = true;
        var attention = SendPending();
        _output.Exit();
        Post(attention);
    }
}
