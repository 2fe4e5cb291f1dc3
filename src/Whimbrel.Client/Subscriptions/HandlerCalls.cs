using System.Diagnostics;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Subscriptions;

/// <summary>
/// Gives a subscription's messages to its handler: never on the thread that reads, no more calls at a time than allowed, and in order for
/// each topic. Workers live as long as there is something to do.
/// </summary>
internal sealed class HandlerCalls(MqttSubscription subscription, MqttClient client, MqttSubscribeOptions options, Func<MqttMessage, CancellationToken, ValueTask> handler)
    : IThreadPoolWorkItem
{
    private static readonly AsyncLocal<HandlerCalls?> Current = new();

    private readonly Lock _lock = new();
    private readonly bool _isOrdered = options.MaxConcurrentCalls > 1 && options.Ordering == MqttOrdering.PerTopic;

    // Topics whose message is being handled, with what has come for them since.
    private readonly Dictionary<string, Queue<MqttMessage>?> _busy = [];
    private readonly StuckWatch _watch = new(client.Time, options.HandlerStuckAfter, message => client.NoticeStuck(subscription, message));
    private TaskCompletionSource? _done;
    private int _parked;
    private int _workers;

    /// <summary>How many calls last longer than <see cref="MqttSubscribeOptions.HandlerStuckAfter"/>.</summary>
    public int Stuck => _watch.Count;

    /// <summary>A message has come. Under the client's gate.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            if (_workers >= Math.Max(1, options.MaxConcurrentCalls))
                return;
            _workers++;
        }

        client.Wake(this);
    }

    /// <summary>Completes when no handler runs; when a handler asks, it is not waited for.</summary>
    public Task DoneAsync()
    {
        lock (_lock)
        {
            if (_workers == 0 || Current.Value == this)
                return Task.CompletedTask;
            return (_done ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    public void Execute() => _ = WorkAsync();

    private async Task WorkAsync()
    {
        Current.Value = this;
        StuckWatch.Call call = _watch.Enter();
        MqttMessage? message = Next();
        while (message is not null)
        {
            call.Message = message;
            await HandleAsync(message).ConfigureAwait(false);
            call.Message = null;
            message = After(message);
        }

        _watch.Leave(call);
    }

    private ValueTask HandleAsync(MqttMessage message) =>
        client.Telemetry.WatchesProcessing && !subscription.IsOwn ? WatchAsync(message) : CallAsync(message, null);

    /// <summary>The same while somebody listens. One span for all attempts.</summary>
    private async ValueTask WatchAsync(MqttMessage message)
    {
        long started = client.Time.GetTimestamp();
        client.Telemetry.Consumed(subscription.Pattern);
        using Activity? activity = client.Telemetry.StartProcess(subscription, message);
        message.Processing = activity;
        await CallAsync(message, failure => client.Telemetry.Processed(subscription, client.Time.GetElapsedTime(started), activity, failure)).ConfigureAwait(false);
    }

    private async ValueTask CallAsync(MqttMessage message, Action<Exception?>? handled)
    {
        Exception? failure = null;
        for (int attempt = 0; attempt <= options.HandlerRetries; attempt++)
        {
            try
            {
                if (attempt > 0)
                    await Task.Delay(options.HandlerRetryDelay, client.Time, client.Ending).ConfigureAwait(false);
                await handler(message, client.Ending).ConfigureAwait(false);
                failure = null;
                break;
            }
#pragma warning disable CA1031 // Whatever a handler throws must not end the others' work.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = exception;
                if (exception is MqttPayloadException || client.Ending.IsCancellationRequested)
                    break;
            }
        }

        handled?.Invoke(failure);
        if (failure is null)
        {
            if (options.AckMode == MqttAckMode.Automatic)
                message.Answer(ReasonCode.Success);
            return;
        }

        // A handler that was cut short by the client's end has not refused: unanswered, the message comes again with the session.
        if (failure is OperationCanceledException && client.Ending.IsCancellationRequested)
            return;
        await subscription.QuarantineAsync(message, failure).ConfigureAwait(false);
    }

    private MqttMessage? Next()
    {
        lock (_lock)
        {
            // What is parked behind a busy topic counts for the queue's bound: beyond it, messages stay in the queue.
            while (_parked < options.QueueMessages && subscription.TryTake(out MqttMessage? message))
            {
                if (!_isOrdered)
                    return message;
                if (_busy.TryAdd(message.Topic, null))
                    return message;
                (_busy[message.Topic] ??= new Queue<MqttMessage>()).Enqueue(message);
                _parked++;
            }

            Leave();
            return null;
        }
    }

    private MqttMessage? After(MqttMessage message)
    {
        if (_isOrdered)
        {
            lock (_lock)
            {
                if (_busy[message.Topic] is { } waiting && waiting.TryDequeue(out MqttMessage? next))
                {
                    _parked--;
                    return next;
                }

                _busy.Remove(message.Topic);
            }
        }

        return Next();
    }

    private void Leave()
    {
        if (--_workers > 0)
            return;
        _done?.TrySetResult();
        _done = null;
    }
}
