namespace Whimbrel.Client;

/// <summary>
/// The machine's network has changed: another Wi-Fi, a cable, a mobile network. Who waits for the next attempt need not wait any longer, and
/// a connection may have become one that nobody hears on.
/// </summary>
public sealed partial class MqttClient
{
    private TaskCompletionSource? _networkChange;

    /// <summary>Waits before the next attempt, shortly when the network changes meanwhile: all that were on it come back at once.</summary>
    private async Task WaitAsync(int failures, CancellationToken stopping)
    {
        Task changed;
        lock (_gate)
            changed = (_networkChange = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        await changed.WaitAsync(Delay(failures), Time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (changed.IsCompleted)
            await Task.Delay(Delay(1), Time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void OnNetworkChanged()
    {
        lock (_gate)
        {
            _networkChange?.TrySetResult();
            _engine.Probe(Now());
            AfterEngine();
        }
    }
}
