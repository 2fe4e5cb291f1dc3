namespace Whimbrel.Client.Subscriptions;

/// <summary>
/// Looks from time to time which calls of a handler last longer than they should: counts them, and tells of each once. Between two looks a
/// call costs two writes.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="limit">How long a call may last; not above 0 for as long as it likes. It is found out within a quarter more.</param>
/// <param name="tell">Told of the message of a call that has lasted as long, on a thread of the pool.</param>
internal sealed class StuckWatch(TimeProvider time, TimeSpan limit, Action<MqttMessage> tell)
{
    private readonly Lock _lock = new();
    private readonly List<Call> _calls = new(1);
    private ITimer? _timer;
    private bool _isLooking;
    private int _count;

    /// <summary>How many calls had lasted too long when it last looked.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Somebody is about to make calls, one after the other.</summary>
    public Call Enter()
    {
        lock (_lock)
        {
            Call? call = _calls.Find(static call => !call.IsTaken);
            if (call is null)
                _calls.Add(call = new Call());
            call.IsTaken = true;
            if (!_isLooking && limit > TimeSpan.Zero)
                LookLater();
            return call;
        }
    }

    public void Leave(Call call)
    {
        lock (_lock)
            call.IsTaken = false;
    }

    private void LookLater()
    {
        _isLooking = true;
        _timer ??= time.CreateTimer(static state => ((StuckWatch)state!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(limit / 4, Timeout.InfiniteTimeSpan);
    }

    private void Look()
    {
        List<MqttMessage>? late = null;
        lock (_lock)
        {
            int count = 0;
            foreach (Call call in _calls)
            {
                if (call.Lasts(time, out MqttMessage? message) < limit)
                    continue;
                count++;
                if (!call.IsTold)
                    (late ??= []).Add(message!);
                call.IsTold = true;
            }

            Volatile.Write(ref _count, count);
            _isLooking = false;
            if (_calls.Exists(static call => call.IsTaken))
                LookLater();
        }

        late?.ForEach(tell);
    }

    /// <summary>Where one of those that call the handler says what it is at. Guarded by the watch, but for <see cref="Message"/>.</summary>
    internal sealed class Call
    {
        private MqttMessage? _message;
        private MqttMessage? _seen;
        private long _seenAt;

        /// <summary>What the handler has now, or null. Written by whoever calls it.</summary>
        public MqttMessage? Message
        {
            get => Volatile.Read(ref _message);
            set => Volatile.Write(ref _message, value);
        }

        public bool IsTaken { get; set; }

        public bool IsTold { get; set; }

        /// <summary>How long the handler has had its message since it was first seen with it; no time when it has none.</summary>
        public TimeSpan Lasts(TimeProvider time, out MqttMessage? message)
        {
            message = Message;
            if (!ReferenceEquals(message, _seen))
                (_seen, _seenAt, IsTold) = (message, time.GetTimestamp(), false);
            return message is null ? TimeSpan.Zero : time.GetElapsedTime(_seenAt);
        }
    }
}
