using System.Diagnostics;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>Something that happens by the clock while the loop runs.</summary>
internal interface ILoadPace
{
    /// <summary>Does what is due; returns when it wants to be called next, in ticks of <see cref="Stopwatch"/>.</summary>
    long Advance(long now);
}

/// <summary>
/// Carries all connections of the load on one thread: what has arrived is read and answered, publishers with room are filled up, and
/// then each connection gets one send. Whatever the scenario waits for, it waits in <see cref="RunUntil"/>.
/// </summary>
internal sealed class LoadLoop(CancellationToken interrupted) : IDisposable
{
    // Ctrl-C is looked for at least so often.
    private const long WaitMaxNanoseconds = 50_000_000;
    private const int ReadBytes = 256 * 1024;

    /// <summary>The longest beginning of a packet that is kept in front of what is read next; a longer one has its own buffer.</summary>
    public const int PrefixBytes = 32 * 1024;

    private readonly LoadPoll _poll = new();
    private readonly List<LoadClient> _clients = [];
    private readonly List<Publisher> _publishers = [];
    private readonly List<LoadClient> _unsent = [];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(PrefixBytes + ReadBytes, pinned: true);
    private long _nextSecond = Stopwatch.GetTimestamp() + Stopwatch.Frequency;

    /// <summary>Ticks of <see cref="Stopwatch"/> when the loop last looked, after it had waited or read.</summary>
    public long Now { get; private set; } = Stopwatch.GetTimestamp();

    public bool IsInterrupted => interrupted.IsCancellationRequested;

    public ILoadPace? Pace { get; set; }

    /// <summary>Called about once a second.</summary>
    public Action? Second { get; set; }

    public LoadPoll Poll => _poll;

    public byte[] Buffer => _buffer;

    public static long Ticks(TimeSpan span) => (long)(span.TotalSeconds * Stopwatch.Frequency);

    public int Place(LoadClient client)
    {
        _clients.Add(client);
        return _clients.Count - 1;
    }

    /// <summary>The publisher may have room again: it is filled up before the loop waits.</summary>
    public void Fill(Publisher publisher) => _publishers.Add(publisher);

    /// <summary>The client has output: it is sent before the loop waits.</summary>
    public void Send(LoadClient client) => _unsent.Add(client);

    /// <summary>Looks at the clock: once for everything that one read brought.</summary>
    public long Look() => Now = Stopwatch.GetTimestamp();

    /// <summary>Runs until something is so. False if it was not before the deadline, or before Ctrl-C unless that is to be ignored.</summary>
    public bool RunUntil(Func<bool> isSo, long deadline = long.MaxValue, bool ignoreInterrupt = false)
    {
        while (!isSo())
        {
            if (Now >= deadline || (!ignoreInterrupt && IsInterrupted))
                return false;
            Turn(deadline);
        }

        return true;
    }

    public void RunFor(TimeSpan span) => RunUntil(static () => false, Look() + Ticks(span));

    public void Dispose()
    {
        foreach (var client in _clients)
            client.Drop();
        _poll.Dispose();
    }

    private void Turn(long deadline)
    {
        long next = Math.Min(Pace?.Advance(Look()) ?? long.MaxValue, Math.Min(deadline, _nextSecond));
        FillAndSend();
        long wait = _publishers.Count > 0 ? 0 : Math.Clamp((long)((next - Now) * (1e9 / Stopwatch.Frequency)), 0, WaitMaxNanoseconds);
        int count = _poll.Wait(wait);
        Look();
        for (int i = 0; i < count; i++)
        {
            uint events = _poll.Event(i, out int token);
            _clients[token].OnEvents(events);
        }

        FillAndSend();
        if (Now >= _nextSecond)
        {
            _nextSecond = Now + Stopwatch.Frequency;
            Second?.Invoke();
        }
    }

    private void FillAndSend()
    {
        // What is added meanwhile is for the next turn.
        int count = _publishers.Count;
        for (int i = 0; i < count; i++)
            _publishers[i].Fill(Now);
        _publishers.RemoveRange(0, count);

        for (int i = 0; i < _unsent.Count; i++)
            _unsent[i].Flush();
        _unsent.Clear();
    }
}
