namespace Whimbrel.Hosting;

/// <summary>
/// Links that want their event loop's attention, from any thread. The loop is woken through an event descriptor only when it sleeps,
/// and then once.
/// </summary>
internal sealed class WakeQueue
{
    private readonly Lock _lock = new();
    private List<EpollLink> _waiting = [];
    private List<EpollLink> _taken = [];
    private bool _sleeping;
    private bool _closed;

    public WakeQueue()
    {
        Descriptor = Libc.EventCounter();
        if (Descriptor < 0)
            throw new InvalidOperationException($"eventfd is not available: {Errno.Describe(-Descriptor)}");
    }

    /// <summary>Readable when the loop has been woken.</summary>
    public int Descriptor { get; }

    public void Add(EpollLink link)
    {
        lock (_lock)
        {
            _waiting.Add(link);
            Signal();
        }
    }

    /// <summary>Wakes the loop without a link.</summary>
    public void Wake()
    {
        lock (_lock)
            Signal();
    }

    /// <summary>Loop thread, before it waits. False if links wait already, so that it must not sleep.</summary>
    public bool TrySleep()
    {
        lock (_lock)
            return _sleeping = _waiting.Count == 0;
    }

    /// <summary>Loop thread, after it waited: the links that were added until now. Valid until the next call.</summary>
    public List<EpollLink> Take()
    {
        _taken.Clear();
        lock (_lock)
        {
            _sleeping = false;
            (_waiting, _taken) = (_taken, _waiting);
        }

        return _taken;
    }

    public void Close()
    {
        lock (_lock)
        {
            // Under the lock, so that no other thread writes to a descriptor number that is somebody else's by now.
            if (!_closed)
                Libc.Close(Descriptor);
            _closed = true;
        }
    }

    private void Signal()
    {
        if (!_sleeping || _closed)
            return;
        _sleeping = false;
        Libc.WriteCounter(Descriptor);
    }
}
