namespace Whimbrel.Client.Linking;

/// <summary>
/// What is to be told to callers and readers, outside the gate. One thread does it all in turn, by choice the one that has read, once it has
/// nothing else to do: no thread changes where somebody waits, and what the callers publish in answer leaves in one send. Because programs'
/// code runs here, that thread is not relied on: who reads next joins in when work is left over, and a look every few milliseconds sends
/// another thread when none moves on.
/// </summary>
/// <param name="flush">Sends what was written meanwhile, on this thread.</param>
internal sealed class Errands(Action flush) : IThreadPoolWorkItem
{
    private const int LookMilliseconds = 20;

    /// <summary>So that the server has something to do while the rest is told.</summary>
    private const int FlushEvery = 16;

    [ThreadStatic]
    private static Errands? _ofThisThread;

    private readonly Lock _lock = new();
    private readonly Queue<IThreadPoolWorkItem> _waiting = new();
    private Timer? _look;
    private int _workers;
    private long _added;
    private long _begun;
    private long _mark;
    private long _begunAtLook;
    private long _helped = -1;
    private bool _isLooking;

    /// <summary>Whether this thread is at it.</summary>
    public bool IsOfThisThread => _ofThisThread == this;

    /// <summary>Whether something waits, so that what this thread has written may wait as well for what the next will write.</summary>
    public bool HasMore => Volatile.Read(ref _added) != Volatile.Read(ref _begun);

    public void Add(IThreadPoolWorkItem item)
    {
        lock (_lock)
        {
            _waiting.Enqueue(item);
            _added++;
        }
    }

    /// <summary>The thread that has read is free: true if it is to call <see cref="Execute"/>.</summary>
    public bool TryJoin()
    {
        lock (_lock)
        {
            bool isBehind = _begun < _mark;
            _mark = _added;
            if (_waiting.Count == 0 || (_workers > 0 && !isBehind))
                return false;
            Begin();
            return true;
        }
    }

    /// <summary>Sees to it that somebody is at it.</summary>
    public void Send()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 || _workers > 0)
                return;
            Begin();
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    public void Execute()
    {
        int done = 0;
        _ofThisThread = this;
        try
        {
            while (true)
            {
                IThreadPoolWorkItem? item;
                lock (_lock)
                {
                    if (!_waiting.TryDequeue(out item))
                    {
                        _workers--;
                        break;
                    }

                    _begun++;
                }

                item.Execute();
                if (++done % FlushEvery == 0)
                    flush();
            }
        }
        finally
        {
            _ofThisThread = null;
        }

        flush();
    }

    private void Begin()
    {
        _workers++;
        if (_isLooking)
            return;
        _isLooking = true;
        _look ??= new Timer(static state => ((Errands)state!).Look(), this, Timeout.Infinite, Timeout.Infinite);
        _look.Change(LookMilliseconds, LookMilliseconds);
    }

    private void Look()
    {
        bool isStuck;
        lock (_lock)
        {
            isStuck = _workers > 0 && _begun == _begunAtLook;
            _begunAtLook = _begun;
            if (_workers == 0 && _waiting.Count == 0)
            {
                _isLooking = false;
                _look!.Change(Timeout.Infinite, Timeout.Infinite);
                return;
            }

            if (!isStuck || (_waiting.Count == 0 && _helped == _begun))
                return;
            _helped = _begun;
            _workers++;
        }

        // Takes what waits, or finds nothing and only sends what was written.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
