using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Hosting;

/// <summary>The one timer of a broker: a thread that lets the broker look at its deadlines about ten times a second.</summary>
internal sealed class Heartbeat
{
    private const int PeriodMilliseconds = 100;
    private const int TrimEvery = 100;

    private readonly MessageBroker _broker;
    private readonly BrokerClock _clock;
    private readonly ILogger _logger;
    private readonly Turn _turn;
    private readonly Action<long>? _everySecond;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _stopping;

    /// <param name="broker">Whose heart it is.</param>
    /// <param name="clock">The time that the broker sees.</param>
    /// <param name="everySecond">Called with the time about once a second, on the heartbeat's thread.</param>
    /// <param name="logger">Hears of failures.</param>
    public Heartbeat(MessageBroker broker, BrokerClock clock, Action<long>? everySecond, ILogger logger)
    {
        _broker = broker;
        _clock = clock;
        _everySecond = everySecond;
        _logger = logger;
        _turn = new Turn(broker);
        _thread = new Thread(Run) { Name = "whimbrel-heartbeat", IsBackground = true };
    }

    public void Start() => _thread.Start();

    public Task StopAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            _ended.TrySetResult();
        return _ended.Task;
    }

    private void Run()
    {
        for (int beat = 1; Wait(); beat++)
        {
            try
            {
                long now = _clock.NowMilliseconds;
                _turn.Begin(now);
                _broker.Heartbeat(_turn);
                _turn.End();
                if (beat % (1000 / PeriodMilliseconds) == 0)
                    _everySecond?.Invoke(now);
                if (beat % TrimEvery == 0)
                    BlockPool.Shared.Trim();
            }
            catch (Exception e)
            {
                HostingLog.ThreadFailed(_logger, e, _thread.Name!);
            }
        }

        _ended.TrySetResult();
    }

    private bool Wait()
    {
        lock (_gate)
        {
            if (!_stopping)
                Monitor.Wait(_gate, PeriodMilliseconds);
            return !_stopping;
        }
    }
}
