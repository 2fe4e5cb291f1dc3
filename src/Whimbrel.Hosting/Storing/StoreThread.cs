using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>
/// The thread that writes to the disk, the only one that waits for it. While it writes one batch the next one gathers, so that the
/// slower the disk is the more goes into one write.
/// </summary>
internal sealed class StoreThread : IWakeable
{
    /// <summary>How often the room on the disk is looked at, and a batch that did not fit is tried again.</summary>
    private const int RoomCheckMilliseconds = 1000;

    private readonly DurableStore _store;
    private readonly ILogger _logger;
    private readonly Action _failed;
    private readonly object _signal = new();
    private readonly Thread _thread;
    private StoreWriter? _writer;
    private bool _isWanted;
    private long _roomCheckDue;
    private long _fullSince;
    private bool _isStopping;

    /// <param name="store">Disposed by <see cref="Stop"/>.</param>
    /// <param name="logger">Hears of trouble.</param>
    /// <param name="failed">Called when the disk has failed for good: the process has to end.</param>
    public StoreThread(DurableStore store, ILogger logger, Action failed)
    {
        _store = store;
        _logger = logger;
        _failed = failed;
        _thread = new Thread(Run) { Name = "whimbrel-store", IsBackground = true };
    }

    /// <summary>Brings back what the store holds and writes from now on.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public void Start(MessageBroker broker, TurnPool turns)
    {
        long began = Stopwatch.GetTimestamp();
        RecoverySummary found;
        using (TurnPool.Lease lease = turns.Begin())
            found = broker.Recover(_store, this, lease.Turn);
        HostingLog.StoreOpened(_logger, _store.Location, broker.SessionCount, found.Messages, broker.RetainedCount, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        if (found.Orphans > 0)
            HostingLog.StoreOrphans(_logger, _store.Location, found.Orphans);
        _writer = new StoreWriter(broker, _store);
        _thread.Start();
    }

    public void Wake()
    {
        lock (_signal)
        {
            _isWanted = true;
            Monitor.Pulse(_signal);
        }
    }

    /// <summary>Writes what is left and closes the store. The broker is idle by now.</summary>
    public void Stop()
    {
        lock (_signal)
        {
            _isStopping = true;
            Monitor.Pulse(_signal);
        }

        if (!_thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted))
            _thread.Join();
        _store.Dispose();
    }

    private void Run()
    {
        try
        {
            bool wrote = false;
            while (wrote || Wait())
                wrote = Work(isLast: false);
            while (Work(isLast: true))
            {
            }
        }
        catch (Exception e)
        {
            HostingLog.StoreFailed(_logger, e, _store.Location, e.Message);
            _failed();
        }
    }

    /// <returns>False when it is time to stop.</returns>
    private bool Wait()
    {
        lock (_signal)
        {
            if (!_isWanted && !_isStopping)
                Monitor.Wait(_signal, RoomCheckMilliseconds);
            _isWanted = false;
            return !_isStopping;
        }
    }

    /// <summary>Writes one batch and, when it is time, looks how much room is left.</summary>
    /// <returns>Whether there was one: the next may have gathered meanwhile.</returns>
    private bool Work(bool isLast)
    {
        StoreWriter writer = _writer!;
        long now = Environment.TickCount64;
        // What did not fit is tried again at its time, not whenever somebody asks.
        bool due = now >= _roomCheckDue;
        bool wrote = false;
        try
        {
            if (!writer.IsBlocked || due || isLast)
                wrote = writer.WriteNext();
        }
        catch (StoreException e) when (e.Failure == StoreFailure.Full)
        {
            Full(now, e.Message);
        }

        if (!due)
            return wrote;
        _roomCheckDue = now + RoomCheckMilliseconds;
        if (!writer.CheckRoom())
            Full(now, "too little space is left on the disk");
        else if (_fullSince != 0)
            HasRoomAgain(now);
        return wrote;
    }

    private void Full(long now, string cause)
    {
        if (_fullSince != 0)
            return;
        _fullSince = now;
        HostingLog.StoreFull(_logger, _store.Location, cause);
    }

    private void HasRoomAgain(long now)
    {
        HostingLog.StoreHasRoom(_logger, _store.Location, (now - _fullSince) / 1000);
        _fullSince = 0;
    }
}
