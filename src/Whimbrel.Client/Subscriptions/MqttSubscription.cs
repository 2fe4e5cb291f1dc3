using System.Diagnostics;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Subscriptions;
using Whimbrel.Client.Telemetry;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>
/// Messages for one filter, read by <c>await foreach</c> or given to a handler. One reader at a time. It is active when the call that opened
/// it has returned; disposing of it ends it.
/// </summary>
public sealed class MqttSubscription : IAsyncEnumerable<MqttMessage>, IAsyncDisposable, ISubscriber
{
    private readonly MqttClient _client;
    private readonly MqttSubscribeOptions _options;
    private readonly HandlerCalls? _calls;
    private readonly Lock _lock = new();
    private readonly MessageQueue _queue;
    private readonly Arrival _arrival = new();
    private bool _isReaderWaiting;
    private bool _isOver;
    private bool _isOverflowing;
    private bool _isHolding;
    private bool _isReadingOn;
    private MqttMessage? _left;
    private Exception? _error;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _disposal;

    internal MqttSubscription(MqttClient client, string filter, MqttSubscribeOptions options, Func<MqttMessage, CancellationToken, ValueTask>? handler)
    {
        _client = client;
        _options = options;
        TopicTemplate? template = null;
        Filter = options.IsLiteral ? filter : TopicTemplate.Parse(filter, out template);
        Template = template;
        Pattern = filter;
        WireFilters = [ShareOf(options, Filter)];
        _queue = new MessageQueue(options.QueueMessages, options.QueueBytes);
        _calls = handler is null ? null : new HandlerCalls(this, client, options, handler);
    }

    /// <summary>The filter without names and without the group.</summary>
    public string Filter { get; }

    /// <summary>The QoS that the server granted.</summary>
    public MqttQoS GrantedQoS { get; internal set; }

    /// <summary>Messages that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _queue.Count;
        }
    }

    /// <summary>Messages of QoS 0 that gave way because nobody took them in time.</summary>
    public long Dropped
    {
        get
        {
            lock (_lock)
                return _queue.Dropped;
        }
    }

    /// <summary>
    /// Completes when no message comes any more: after disposal, or failed with a <see cref="MqttSubscribeException"/> when the server refuses
    /// to make the subscription again. Nobody needs to look.
    /// </summary>
    public Task Completion => _completion.Task;

    /// <summary>All filters as the server knows them. Guarded by the client's gate.</summary>
    internal string[] WireFilters { get; set; }

    /// <summary>The filter as the program wrote it, names included.</summary>
    internal string Pattern { get; }

    /// <summary>The library's own: not told to listeners.</summary>
    internal bool IsOwn { get; init; }

    internal TopicTemplate? Template { get; }

    internal MqttSubscribeOptions Options => _options;

    internal bool IsHandling => _calls is not null;

    bool ISubscriber.IsRaw => false;

    bool ISubscriber.TakesUnclaimed => _options.TakesUnclaimed;

    /// <summary>
    /// Subscribes to another filter by the same options, and brings its messages in this stream: in the order in which they arrive, and one
    /// that several of the filters match once if the server sends it once. The filter is taken literally; its levels have no names.
    /// </summary>
    /// <returns>The QoS that the server granted.</returns>
    /// <exception cref="MqttSubscribeException">The server refused; the subscription goes on without this filter.</exception>
    public Task<MqttQoS> AddFilterAsync(string filter, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(filter);
        return _client.AddAsync(this, filter, cancellationToken);
    }

    /// <summary>
    /// The messages as they come. A message is acknowledged when the next one is asked for; a loop that is left by an exception or a break has
    /// not acknowledged the last. It is refused when a new loop begins or the subscription ends: acknowledgements keep their order, so
    /// those of everything behind it would wait for it.
    /// </summary>
    public async IAsyncEnumerator<MqttMessage> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (_calls is not null)
            throw new InvalidOperationException("This subscription has a handler; its messages cannot be read as well.");
        RefuseLeft();
        while (await WaitAsync(cancellationToken).ConfigureAwait(false))
        {
            while (TryTake(out MqttMessage? message))
            {
                bool isLeft = true;
                try
                {
                    if (!_client.Telemetry.WatchesProcessing)
                    {
                        yield return message;
                    }
                    else
                    {
                        using Reading reading = new(this, message);
                        yield return message;
                    }

                    isLeft = false;
                }
                finally
                {
                    if (isLeft)
                        Leave(message);
                }

                if (_options.AckMode == MqttAckMode.Automatic && message.Token != 0)
                    message.Answer(ReasonCode.Success);
            }
        }
    }

    /// <summary>A message that has come, without waiting. The caller acknowledges it.</summary>
    public bool TryRead([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out MqttMessage? message)
    {
        if (!TryTake(out message))
            return false;
        _client.Telemetry.Consumed(Pattern);
        return true;
    }

    internal bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out MqttMessage? message)
    {
        lock (_lock)
        {
            bool isOne = _queue.TryTake(out message);
            if (_queue.Count == 0)
                _isOverflowing = false;
            if (_isHolding && !_isReadingOn && _queue.IsHalfFree)
            {
                // On another thread: the gate comes before this lock, and before those of who takes.
                _isReadingOn = true;
                ThreadPool.UnsafeQueueUserWorkItem(static subscription => subscription._client.ReadOn(subscription), this, preferLocal: false);
            }

            return isOne;
        }
    }

    /// <summary>Under the client's gate: whether reading still waits for room here.</summary>
    internal bool StillHolds()
    {
        lock (_lock)
        {
            _isReadingOn = false;
            return _isHolding = _isHolding && !_isOver && !_queue.IsHalfFree;
        }
    }

    internal static string ShareOf(MqttSubscribeOptions options, string filter) => options.SharedGroup is { } group ? $"$share/{group}/{filter}" : filter;

    /// <summary>
    /// Ends the subscription: the server is told, and messages that nobody has taken are refused. Waits for handlers that run, unless it is
    /// one of them that calls.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
            _disposal ??= EndAsync();
        return new ValueTask(_disposal);
    }

    void ISubscriber.Offer(in PublishPacket packet, string topic, long token)
    {
        DateTimeOffset? expiresAt = packet.HasMessageExpiry ? _client.Time.GetUtcNow().AddSeconds(packet.MessageExpirySeconds) : null;
        var message = new MqttMessage(packet, topic, token, this, expiresAt);
        bool isTaken;
        bool isFirstDrop = false;
        long dropped = 0;
        bool mayHold = _options.WhenFull == MqttQueueFull.Wait && _client.MayHold;
        bool holds = false;
        lock (_lock)
        {
            isTaken = !_isOver;
            long before = _queue.Dropped;
            if (isTaken && mayHold)
            {
                _queue.AddAnyway(message);
                holds = _queue.IsFull;
                _isHolding |= holds;
            }
            else if (isTaken && !_queue.Add(message))
            {
                dropped = _queue.Dropped - before;
                isFirstDrop = !_isOverflowing;
                _isOverflowing = true;
            }

            if (isTaken && _isReaderWaiting)
            {
                _isReaderWaiting = false;
                _client.Due(_arrival);
            }
        }

        if (holds)
            _client.Hold(this);
        if (!isTaken)
            _client.Due(new LateRefusal(message));
        else if (isFirstDrop)
            _client.NoticeOverflow(this);
        else
            _calls?.Wake();
        _client.Telemetry.Dropped(ClientTelemetry.Overflow, dropped);
    }

    void ISubscriber.Raw(in PublishPacket packet, string topic)
    {
    }

    internal MqttAckResult Acknowledge(long token, ReasonCode reason) => _client.Acknowledge(token, reason);

    /// <summary>The end, from the client's side: the reader's loop ends, or fails.</summary>
    internal void Complete(Exception? error)
    {
        lock (_lock)
        {
            if (_isOver)
                return;
            _isOver = true;
            _error = error;
            if (error is null)
                _completion.TrySetResult();
            else
                _completion.TrySetException(error);
            _ = _completion.Task.Exception;
            if (_isReaderWaiting)
            {
                _isReaderWaiting = false;
                ThreadPool.UnsafeQueueUserWorkItem(_arrival, preferLocal: false);
            }
        }
    }

    /// <summary>The session goes on by a new connection: what nobody has begun with comes again.</summary>
    internal void RemoveRepeated()
    {
        lock (_lock)
            _queue.RemoveRepeated();
    }

    /// <summary>Calls of the handler that last longer than they should.</summary>
    internal int StuckCalls => _calls?.Stuck ?? 0;

    /// <summary>Waits until no handler runs.</summary>
    internal Task HandlersDoneAsync() => _calls?.DoneAsync() ?? Task.CompletedTask;

    /// <summary>The program cannot do anything with this message: it is told, kept under the dead letters if there are such, and refused.</summary>
    internal async ValueTask QuarantineAsync(MqttMessage message, Exception failure)
    {
        await _client.HandlerFailedAsync(this, message, failure).ConfigureAwait(false);
        message.Answer(failure is MqttPayloadException ? ReasonCode.PayloadFormatInvalid : ReasonCode.ImplementationSpecificError);
    }

    /// <summary>What nobody has taken is refused, so that the server's window does not stay closed over it.</summary>
    internal void RefuseRest()
    {
        RefuseLeft();
        while (TryTake(out MqttMessage? message))
        {
            message.Answer(ReasonCode.UnspecifiedError);
            _client.Telemetry.Dropped(ClientTelemetry.Unread);
        }
    }

    /// <summary>A loop was left with this message in hand, which nobody has acknowledged.</summary>
    private void Leave(MqttMessage message)
    {
        if (_options.AckMode != MqttAckMode.Automatic || message.Token == 0)
            return;
        lock (_lock)
        {
            if (!_isOver)
            {
                _left = message;
                return;
            }
        }

        message.Answer(ReasonCode.UnspecifiedError);
    }

    private void RefuseLeft()
    {
        MqttMessage? left;
        lock (_lock)
            (left, _left) = (_left, null);
        left?.Answer(ReasonCode.UnspecifiedError);
    }

    private async Task EndAsync()
    {
        await Task.Yield();
        Complete(null);
        try
        {
            await _client.UnsubscribeAsync(this).ConfigureAwait(false);
        }
        catch (MqttException)
        {
            // Without a connection there is nobody to tell; the next session does not have the subscription.
        }

        await HandlersDoneAsync().ConfigureAwait(false);
        RefuseRest();
    }

    private async ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        ValueTask<bool> arrival;
        lock (_lock)
        {
            if (_queue.Count > 0)
                return true;
            if (_isOver)
                return _error is null ? false : throw _error;
            cancellationToken.ThrowIfCancellationRequested();
            _isReaderWaiting = true;
            arrival = _arrival.Begin();
        }

        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static state => ((MqttSubscription)state!).Interrupt(), this);
        await arrival.ConfigureAwait(false);
        await registration.DisposeAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (_queue.Count > 0 || !_isOver)
                return true;
            return _error is null ? false : throw _error;
        }
    }

    /// <summary>Wakes the reader without a message.</summary>
    private void Interrupt()
    {
        lock (_lock)
        {
            if (!_isReaderWaiting)
                return;
            _isReaderWaiting = false;
        }

        ThreadPool.UnsafeQueueUserWorkItem(_arrival, preferLocal: false);
    }

    /// <summary>The time in which the reader has a message: until it asks for the next.</summary>
    private readonly struct Reading : IDisposable
    {
        private readonly MqttSubscription _subscription;
        private readonly Activity? _activity;
        private readonly long _started;

        public Reading(MqttSubscription subscription, MqttMessage message)
        {
            _subscription = subscription;
            _started = subscription._client.Time.GetTimestamp();
            subscription._client.Telemetry.Consumed(subscription.Pattern);
            message.Processing = _activity = subscription._client.Telemetry.StartProcess(subscription, message);
        }

        public void Dispose()
        {
            MqttClient client = _subscription._client;
            client.Telemetry.Processed(_subscription, client.Time.GetElapsedTime(_started), _activity, null);
            _activity?.Dispose();
        }
    }

    /// <summary>A message that came after the end.</summary>
    private sealed class LateRefusal(MqttMessage message) : IThreadPoolWorkItem
    {
        public void Execute() => message.Answer(ReasonCode.UnspecifiedError);
    }
}
