using System.Diagnostics;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>What every message of a run is like.</summary>
/// <param name="Window">Messages of one publisher that may be on their way.</param>
/// <param name="Rate">Messages a second of each publisher; 0 for as fast as the window allows.</param>
internal sealed record MessageShape(QoS QoS, int PayloadBytes, int Window, double Rate, ProtocolVersion Version);

/// <summary>The messages of a run: who publishes, the timetable, and what is counted and checked.</summary>
internal sealed class Traffic(LoadLoop loop, MessageShape shape) : ILoadPace
{
    private readonly List<Publisher> _publishers = [];
    private readonly Latency _latency = new();
    private readonly double _nanosecondsPerTick = 1e9 / Stopwatch.Frequency;
    private long _origin;
    private double _step;
    private long _passed;
    private long _from = long.MaxValue;
    private long _until = long.MaxValue;
    private long _nextCheck;

    public LoadLoop Loop => loop;

    public MessageShape Shape => shape;

    public IReadOnlyList<Publisher> Publishers => _publishers;

    public bool IsRunning { get; private set; }

    /// <summary>The number of the first publisher as payloads have it: not 0 where several processes publish to the same topics.</summary>
    public int StampBase { get; init; }

    public bool IsPaced => shape.Rate > 0;

    /// <summary>How many messages may still be published.</summary>
    public long CountLeft { get; set; } = long.MaxValue;

    public long Sent { get; private set; }

    public long SentBytes { get; private set; }

    /// <summary>Copies that must arrive of what was sent and not refused.</summary>
    public long Expected { get; private set; }

    /// <summary>All that came, duplicates included.</summary>
    public long Received { get; private set; }

    public long ReceivedBytes { get; private set; }

    public long Duplicated { get; private set; }

    public long Reordered { get; private set; }

    public long Refused { get; private set; }

    /// <summary>Messages that this run has not published, or not to there.</summary>
    public long Foreign { get; private set; }

    /// <summary>When the last message or acknowledgement came; 0 before the first.</summary>
    public long LastProgress { get; private set; }

    public Latency Latency => _latency;

    public long Unacknowledged => _publishers.Sum(p => (long)p.Unacknowledged);

    /// <summary>Messages of the timetable that were never sent.</summary>
    public long Unsent => IsPaced && _origin != 0 ? Math.Max(0, (long)Math.Ceiling((Math.Min(_until, loop.Now) - _origin) / _step) - Sent) : 0;

    /// <summary>Nothing is on its way any more.</summary>
    public bool IsDrained => Received - Duplicated >= Expected && !_publishers.Exists(p => p.Unacknowledged > 0 && !p.IsGone) && (!IsPaced || Unsent == 0);

    public int Add(Publisher publisher)
    {
        _publishers.Add(publisher);
        return _publishers.Count - 1;
    }

    /// <summary>Forgets the publishers: others take their places and numbers.</summary>
    public void Dismiss() => _publishers.Clear();

    /// <summary>Begins to publish, without end.</summary>
    public void Start()
    {
        _from = loop.Look();
        _until = long.MaxValue;
        Begin(_from);
    }

    /// <summary>Begins to publish. The latency of what is due in the time from the one to the other counts; then nothing is due any more.</summary>
    public void Start(long from, long until)
    {
        _from = from;
        _until = until;
        Begin(loop.Now);
    }

    /// <summary>No message is due any more. What was due and could not be sent is sent yet.</summary>
    public void Stop()
    {
        _until = Math.Min(_until, loop.Look());
        IsRunning = IsPaced;
    }

    /// <summary>Nothing is sent any more, and no latency of what still comes counts.</summary>
    public void End()
    {
        _from = long.MaxValue;
        IsRunning = false;
        loop.Pace = null;
    }

    public long Advance(long now)
    {
        if (now >= _nextCheck)
        {
            _nextCheck = now + Stopwatch.Frequency;
            if (!IsPaced)
                _publishers.ForEach(static p => p.ForgetLost());
        }

        if (!IsPaced || !IsRunning || _publishers.Count == 0)
            return _nextCheck;

        long due = PassedBy(now);
        for (long i = Math.Max(_passed, due - _publishers.Count); i < due; i++)
            _publishers[(int)(i % _publishers.Count)].Refill();
        _passed = due;
        long next = _origin + (long)Math.Ceiling(due * _step);
        return next < _until ? Math.Min(next, _nextCheck) : _nextCheck;
    }

    /// <summary>How many messages of this publisher have been due by now.</summary>
    public long DueCount(int publisher, long now) => (PassedBy(now) - publisher + _publishers.Count - 1) / _publishers.Count;

    public long DueTime(int publisher, long sequence) => _origin + (long)(((sequence * _publishers.Count) + publisher) * _step);

    public void CountSent(long messages, int copies, int packetBytes)
    {
        Sent += messages;
        SentBytes += messages * packetBytes;
        Expected += messages * copies;
        if (CountLeft != long.MaxValue)
            CountLeft -= messages;
    }

    public void CountAcknowledged() => LastProgress = loop.Now;

    /// <summary>So many deliveries are due that no publisher of this run has counted.</summary>
    public void Expect(long messages) => Expected += messages;

    public void CountRefused(int copies)
    {
        Refused++;
        Expected -= copies;
    }

    public void CountForeign() => Foreign++;

    public void CountReceived(int publisher, long due, int packetBytes, Arrival arrival)
    {
        Received++;
        LastProgress = loop.Now;
        ReceivedBytes += packetBytes;
        if (arrival == Arrival.Again)
        {
            Duplicated++;
            return;
        }

        if (arrival == Arrival.Late)
            Reordered++;
        CountLatency(due);
        if ((uint)publisher < (uint)_publishers.Count)
            _publishers[publisher].Delivered();
    }

    public void CountLatency(long due)
    {
        if (due >= _from && due < _until)
            _latency.Record((long)((loop.Now - due) * _nanosecondsPerTick));
    }

    private void Begin(long now)
    {
        IsRunning = true;
        _origin = now;
        _step = IsPaced ? Stopwatch.Frequency / shape.Rate / Math.Max(1, _publishers.Count) : 0;
        _nextCheck = _origin + Stopwatch.Frequency;
        loop.Pace = this;
        foreach (var publisher in _publishers)
            publisher.Refill();
    }

    // The timetable is one for all publishers, who take turns: so they do not all send at once.
    private long PassedBy(long now)
    {
        long until = Math.Min(now, _until - 1);
        return until < _origin ? 0 : (long)((until - _origin) / _step) + 1;
    }
}
