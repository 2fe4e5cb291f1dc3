namespace Whimbrel.Client;

/// <summary>The store's side: one write at a time, of everything that has gathered meanwhile.</summary>
public sealed partial class MqttClient
{
    private readonly List<(long Position, TaskCompletionSource Written)> _awaitingStore = [];
    private readonly SemaphoreSlim _restoring = new(1, 1);
    private long _written;
    private bool _isStoring;
    private Exception? _storeFailure;

    /// <summary>Takes over what an earlier process left; once.</summary>
    private ValueTask RestoreAsync(CancellationToken cancellationToken) =>
        _isRestored || _options.Outbox.Store is null ? default : RestoreOnceAsync(cancellationToken);

    private async ValueTask RestoreOnceAsync(CancellationToken cancellationToken)
    {
        await _restoring.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isRestored)
                return;
            MqttOutboxContent content = await _options.Outbox.Store!.LoadAsync(cancellationToken).ConfigureAwait(false);
            lock (_gate)
            {
                long unixNow = Time.GetUtcNow().ToUnixTimeMilliseconds();
                _engine.Restore(content, _deliveries, unix => Now() + unix - unixNow);
                _isRestored = true;
            }
        }
        finally
        {
            _restoring.Release();
        }
    }

    /// <summary>Under the gate: completes when what was changed so far is safe.</summary>
    private Task Storing()
    {
        if (_storeFailure is not null)
            return Task.FromException(_storeFailure);
        long position = _engine.HasChanges ? _engine.OpenPosition : _engine.OpenPosition - 1;
        if (_options.Outbox.Store is null || position <= _written)
            return Task.CompletedTask;
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _awaitingStore.Add((position, written));
        return written.Task;
    }

    private Task StoredAsync()
    {
        lock (_gate)
            return Storing();
    }

    /// <summary>Under the gate: something is to be written.</summary>
    private void WriteStore()
    {
        if (_isStoring || _storeFailure is not null)
            return;
        _isStoring = true;
        _ = RunApart(WriteStoreAsync);
    }

    private async Task WriteStoreAsync()
    {
        while (true)
        {
            List<MqttOutboxChange> changes;
            long position;
            lock (_gate)
            {
                if (!_engine.HasChanges)
                {
                    _isStoring = false;
                    return;
                }

                changes = _engine.TakeChanges(out position);
            }

            try
            {
                await _options.Outbox.Store!.WriteAsync(changes, CancellationToken.None).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Whatever a store fails with: nothing may be said that rests on it.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                FailStore(exception);
                return;
            }

            lock (_gate)
            {
                _written = position;
                _engine.Stored(position, Now());
                for (int i = _awaitingStore.Count - 1; i >= 0; i--)
                {
                    if (_awaitingStore[i].Position > position)
                        continue;
                    _awaitingStore[i].Written.TrySetResult();
                    _awaitingStore.RemoveAt(i);
                }

                QueueDue();
                _link?.Flush();
            }
        }
    }

    /// <summary>The disk does not take what must be safe: the client stops, rather than promise what it cannot keep.</summary>
    private void FailStore(Exception exception)
    {
        ClientLog.StoreFailed(_log, exception, exception.Message);
        lock (_gate)
        {
            _storeFailure = new MqttException($"The outbox cannot be written: {exception.Message}", exception);
            foreach ((_, TaskCompletionSource written) in _awaitingStore)
                written.TrySetException(_storeFailure);
            _awaitingStore.Clear();
            _stopping.Cancel();
            _link?.Abort(exception);
        }

        GiveUp(_storeFailure);
    }
}
