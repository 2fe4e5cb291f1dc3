namespace Whimbrel.Client.Testing;

/// <summary>Something that is wrong until it is disposed of.</summary>
internal sealed class Fault(Action<Fault> end) : IDisposable
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Ended => _ended.Task;

    public void Dispose()
    {
        if (_ended.TrySetResult())
            end(this);
    }
}
