using Whimbrel.Broker;

namespace Whimbrel.EndToEnd;

/// <summary>Remembers what happened in the broker, and lets a test wait for what must happen.</summary>
internal sealed class EventRecorder : IBrokerEvents
{
    private readonly Lock _lock = new();
    private readonly List<BrokerEvent> _happened = [];
    private readonly List<(Func<BrokerEvent, bool> Wanted, TaskCompletionSource<BrokerEvent> Waiting)> _waiting = [];

    public IReadOnlyList<BrokerEvent> Happened
    {
        get
        {
            lock (_lock)
                return [.. _happened];
        }
    }

    public void On(in BrokerEvent happened)
    {
        lock (_lock)
        {
            _happened.Add(happened);
            foreach (var (wanted, waiting) in _waiting)
            {
                if (wanted(happened))
                    waiting.TrySetResult(happened);
            }
        }
    }

    /// <summary>The first such event, also if it has happened already.</summary>
    public async Task<BrokerEvent> WaitAsync(Func<BrokerEvent, bool> wanted)
    {
        var waiting = new TaskCompletionSource<BrokerEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            int index = _happened.FindIndex(happened => wanted(happened));
            if (index >= 0)
                return _happened[index];
            _waiting.Add((wanted, waiting));
        }

        return await waiting.Task.WaitAsync(WiredBroker.Bound);
    }

    public Task<BrokerEvent> ClosedAsync(string clientId) => WaitAsync(happened => happened.Kind == BrokerEventKind.Closed && happened.ClientId == clientId);
}
