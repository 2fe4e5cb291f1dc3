using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>What the loops of one host share.</summary>
internal sealed record EventLoopContext(MessageBroker Broker, BrokerClock Clock, BlockPool Pool, ILogger Logger, int StallMilliseconds);

/// <summary>
/// One thread that serves many sockets. An iteration asks epoll once, reads each ready link once into a buffer that belongs to the
/// loop, lets the broker work, and ends with one flush of every link that got something.
/// </summary>
internal sealed unsafe class EventLoop
{
    /// <summary>The most that one receive takes.</summary>
    public const int ReadBytes = 64 * 1024;

    /// <summary>Room in front of what is received for what a link kept from before.</summary>
    public const int PrefixBytes = 64 * 1024;

    // Each link that is answered in a turn has an output block until its end: what one turn may hold is paid for in memory, and more
    // than this spares no CPU.
    private const int EventsMax = 128;
    private const int TickMilliseconds = 100;
    private const int FailuresMax = 10;
    private const ulong WakeToken = 0;
    private const ulong AcceptorToken = 1UL << 63;

    // Five milliseconds.
    private static readonly long TurnTicksMax = Stopwatch.Frequency / 200;

    private readonly EventLoopContext _context;
    private readonly WakeQueue _queue = new();
    private readonly LinkTable _links = new();
    private readonly List<EpollLink> _timed = [];
    private readonly List<Acceptor> _acceptors = [];
    private readonly Thread _thread;
    private readonly TaskCompletionSource _acceptorsClosed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _turnBegan;
    private long _nextTick;
    private bool _hasEnded;
    private volatile bool _stopAccepting;
    private volatile bool _stopping;
    private bool _stopSeen;
    private bool _isStarted;

    public EventLoop(int index, EventLoopContext context)
    {
        _context = context;
        Turn = new Turn(context.Broker);
        ReadBuffer = (byte*)NativeMemory.Alloc(PrefixBytes + ReadBytes);
        Epoll.Add(_queue.Descriptor, Epoll.In, WakeToken);
        _thread = new Thread(Run) { Name = $"whimbrel-loop-{index}", IsBackground = true };
    }

    public Epoll Epoll { get; } = new(EventsMax);

    public Turn Turn { get; }

    /// <summary><see cref="PrefixBytes"/>, then <see cref="ReadBytes"/>. Outside the garbage collector's memory.</summary>
    public byte* ReadBuffer { get; }

    public MessageBroker Broker => _context.Broker;

    public BlockPool Pool => _context.Pool;

    public ILogger Logger => _context.Logger;

    public int StallMilliseconds => _context.StallMilliseconds;

    /// <summary>The time at which this iteration began.</summary>
    public long NowMilliseconds { get; private set; }

    /// <summary>Whether this iteration has lasted so long that others should have their turn.</summary>
    public bool IsTurnLong => Stopwatch.GetTimestamp() - _turnBegan > TurnTicksMax;

    public bool IsStopping => _stopping;

    /// <summary>
    /// Whether a link whose peer has gone may end in this iteration: as many as time allows, and at least one. A session with thousands of
    /// subscriptions takes milliseconds, and a network that fails ends many at once; epoll reports the others again.
    /// </summary>
    public bool MayEnd()
    {
        bool may = !_hasEnded || !IsTurnLong;
        _hasEnded |= may;
        return may;
    }

    public static ulong TokenOf(int slot) => (ulong)slot + 1;

    /// <summary>Before <see cref="Start"/>. The loop owns the acceptor from here on.</summary>
    public void Add(Acceptor acceptor)
    {
        acceptor.Register(Epoll, AcceptorToken | (uint)_acceptors.Count);
        _acceptors.Add(acceptor);
    }

    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Any thread.</summary>
    public void Enqueue(EpollLink link) => _queue.Add(link);

    /// <summary>Any thread. Done when no new connection can come from this loop.</summary>
    public Task StopAcceptingAsync()
    {
        _stopAccepting = true;
        _queue.Wake();
        if (!_isStarted)
            CloseAcceptors();
        return _acceptorsClosed.Task;
    }

    /// <summary>Any thread. Done when the thread has ended and everything that the loop owned is released.</summary>
    public Task StopAsync()
    {
        _stopAccepting = true;
        _stopping = true;
        _queue.Wake();
        if (!_isStarted)
            Release();
        return _ended.Task;
    }

    /// <summary>Loop thread. Gives a link its place in the table.</summary>
    public int Place(EpollLink link) => _links.Add(link);

    /// <summary>Loop thread. Takes a link out; its place is free from the next iteration on.</summary>
    public void Displace(EpollLink link) => _links.Remove(link.Slot);

    /// <summary>Loop thread. From now on the link's <see cref="EpollLink.OnTick"/> is called.</summary>
    public void Watch(EpollLink link)
    {
        if (link.TimedIndex >= 0)
            return;
        link.TimedIndex = _timed.Count;
        _timed.Add(link);
    }

    public void Unwatch(EpollLink link)
    {
        if (link.TimedIndex < 0)
            return;
        var last = _timed[^1];
        _timed[link.TimedIndex] = last;
        last.TimedIndex = link.TimedIndex;
        _timed.RemoveAt(_timed.Count - 1);
        link.TimedIndex = -1;
    }

    private void Run()
    {
        NowMilliseconds = _context.Clock.NowMilliseconds;
        for (int failures = 0; failures < FailuresMax && !IsDone();)
        {
            try
            {
                RunOnce();
                failures = 0;
            }
            catch (Exception e)
            {
                // One link's failure is caught where it happens; this is the loop's own.
                HostingLog.ThreadFailed(Logger, e, _thread.Name!);
                failures++;
            }
        }

        Release();
    }

    private void RunOnce()
    {
        int count = Epoll.Wait(Timeout());

        // Taken before the events are handled: a link that asks to be woken now has its turn in the next iteration, after the others.
        var waiting = _queue.Take();
        NowMilliseconds = _context.Clock.NowMilliseconds;
        _turnBegan = Stopwatch.GetTimestamp();
        _hasEnded = false;
        Turn.Begin(NowMilliseconds);
        for (int i = 0; i < count; i++)
        {
            uint events = Epoll.Event(i, out ulong token);
            if (token == WakeToken)
                Libc.ReadCounter(_queue.Descriptor);
            else if (token >= AcceptorToken)
                _acceptors[(int)(uint)token].OnReadable(NowMilliseconds);
            else
                Handle(_links[(int)token - 1], events);
        }

        foreach (var link in waiting)
            Handle(link, 0);
        if (_timed.Count > 0 || _stopAccepting || IsAcceptorPaused())
            Tick();
        Turn.End();
        _links.FreeRemoved();
    }

    /// <summary>Either what epoll reported or, with no events, what was asked through the queue.</summary>
    private static void Handle(EpollLink? link, uint events)
    {
        try
        {
            if (events == 0)
                link?.Attend();
            else
                link?.OnEvents(events);
        }
        catch (Exception e)
        {
            link!.Fail(e);
        }
    }

    private int Timeout()
    {
        // In this order: whoever stops the loop sets the flag and then looks whether the loop sleeps.
        bool sleeps = _queue.TrySleep();
        if (!sleeps || (_stopAccepting && !_acceptorsClosed.Task.IsCompleted) || (_stopping && !_stopSeen))
            return 0;
        if (_timed.Count > 0 || _stopping || IsAcceptorPaused())
            return (int)Math.Clamp(_nextTick - _context.Clock.NowMilliseconds, 0, TickMilliseconds);
        return -1;
    }

    private void Tick()
    {
        if (_stopAccepting && !_acceptorsClosed.Task.IsCompleted)
            CloseAcceptors();
        if (_stopping && !_stopSeen)
        {
            _stopSeen = true;
            _links.ForEach(link => link.Stop());
        }

        if (NowMilliseconds < _nextTick)
            return;
        _nextTick = NowMilliseconds + TickMilliseconds;
        foreach (var acceptor in _acceptors)
            acceptor.OnTick(NowMilliseconds);

        // Backwards, because a link may leave the list.
        for (int i = _timed.Count - 1; i >= 0; i--)
        {
            var link = _timed[i];
            try
            {
                link.OnTick(NowMilliseconds);
            }
            catch (Exception e)
            {
                link.Fail(e);
            }
        }
    }

    private bool IsAcceptorPaused()
    {
        foreach (var acceptor in _acceptors)
        {
            if (acceptor.IsInTrouble)
                return true;
        }

        return false;
    }

    private bool IsDone() => _stopSeen && _links.Count == 0;

    private void CloseAcceptors()
    {
        foreach (var acceptor in _acceptors)
            acceptor.Dispose();
        _acceptors.Clear();
        _acceptorsClosed.TrySetResult();
    }

    private void Release()
    {
        CloseAcceptors();
        Turn.Begin(NowMilliseconds);
        foreach (var link in _queue.Take())
            link.Abandon();
        _links.ForEach(link => link.Abandon());
        Turn.End();
        _queue.Close();
        Epoll.Close();
        NativeMemory.Free(ReadBuffer);
        _ended.TrySetResult();
    }
}
