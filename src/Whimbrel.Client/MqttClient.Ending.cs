using Whimbrel.Client.Linking;

namespace Whimbrel.Client;

/// <summary>How a client leaves.</summary>
public sealed partial class MqttClient
{
    private Task? _disposal;

    /// <summary>
    /// Leaves in good order: handlers that run may finish and what was published is delivered, both for
    /// <see cref="MqttClientOptions.DrainTimeout"/> at most, then the client says farewell, so that the will is not published.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposal ??= EndAsync();
        return new ValueTask(_disposal);
    }

    /// <summary>Cuts the connection without a farewell, so that the server publishes the will, and disposes of the client.</summary>
    public ValueTask AbortAsync()
    {
        lock (_gate)
        {
            _isLeaving = true;
            _stopping.Cancel();
            _link?.Abort(null);
            _disposal ??= EndAsync();
        }

        return new ValueTask(_disposal);
    }

    private async Task EndAsync()
    {
        // A handler that calls must not be waited for, and what it holds (the gate at the least) must be let go first.
        Task[] handlers;
        MqttSubscription[] subscriptions;
        lock (_gate)
            subscriptions = [.. _handled];
        handlers = [.. subscriptions.Select(subscription => subscription.HandlersDoneAsync())];
        await Task.Yield();
        foreach (MqttSubscription subscription in subscriptions)
            subscription.Complete(null);
        using (var limit = new CancellationTokenSource(_options.DrainTimeout, Time))
        {
            try
            {
                await Task.WhenAll(handlers).WaitAsync(limit.Token).ConfigureAwait(false);
                if (State == MqttConnectionState.Connected && !_isLeaving)
                    await FlushAsync(limit.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or MqttException)
            {
                // What is not delivered by now is told to those who wait for it.
            }
        }

        _metrics.Remove(this);
        await _ending.CancelAsync().ConfigureAwait(false);
        await LeaveAsync(MqttConnectionState.Disposed, new MqttDisconnectOptions { SessionExpiry = _options.SessionExpiry is null ? TimeSpan.Zero : null }, CancellationToken.None)
            .ConfigureAwait(false);
        if (_options.Outbox.Store is { } store)
        {
            await StoredAsync().ConfigureAwait(false);
            await store.DisposeAsync().ConfigureAwait(false);
        }

        _ending.Dispose();
    }

    private async Task LeaveAsync(MqttConnectionState state, MqttDisconnectOptions options, CancellationToken cancellationToken)
    {
        Link? link;
        Task supervision;
        lock (_gate)
        {
            _isLeaving = true;
            _stopping.Cancel();
            link = _link;
            link?.Resume();
            supervision = _supervision;
            if (link is not null && _engine.IsConnected)
                _engine.Disconnect(options);
        }

        if (link is not null)
        {
            try
            {
                await link.CloseAsync().WaitAsync(_options.DrainTimeout, Time, cancellationToken).ConfigureAwait(false);
                await link.Ended.WaitAsync(_options.DrainTimeout, Time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The server does not close its side; we do.
            }

            Drop(link, null);
        }

        await supervision.ConfigureAwait(false);
        lock (_gate)
        {
            var failure = new MqttNotConnectedException("The client was disconnected.");
            _engine.FailTickets(failure);
            if (state == MqttConnectionState.Disposed)
            {
                _engine.FailAll(failure);
                foreach (MqttSubscription subscription in _subscriptions)
                    subscription.Complete(null);
            }

            SetState(state, null, false);
            _connected.TrySetException(failure);
            _ = _connected.Task.Exception;
            _outboxRoom?.TrySetResult();
            _outboxRoom = null;
            AfterEngine();
        }
    }
}
