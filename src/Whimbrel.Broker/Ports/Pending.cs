namespace Whimbrel.Broker;

/// <summary>Something whose owner can be asked to look again, from any thread.</summary>
public interface IWakeable
{
    /// <summary>Asks the owner to look again soon, on its own thread.</summary>
    void Wake();
}

/// <summary>
/// An answer that a port gives later. Whoever was given it calls <see cref="Answer"/> once, from any thread; further answers are
/// ignored. Until then the packets of that connection wait.
/// </summary>
public sealed class Pending<T>
{
    private readonly IWakeable _owner;
    private T _result = default!;
    private int _state;

    internal Pending(IWakeable owner) => _owner = owner;

    public void Answer(T result)
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) != 0)
            return;
        _result = result;
        Volatile.Write(ref _state, 2);
        _owner.Wake();
    }

    internal bool TryGet(out T result)
    {
        bool answered = Volatile.Read(ref _state) == 2;
        result = answered ? _result : default!;
        return answered;
    }
}
