namespace Whimbrel.Broker;

/// <summary>
/// One network connection as the broker sees it: a place to put bytes, and a way to be called back on the thread that reads.
/// Hosting implements it over sockets and pipes, tests over memory.
/// </summary>
/// <remarks>
/// Output (<see cref="Reserve"/>, <see cref="Commit"/>, <see cref="SendShared"/>) is called by one thread at a time: under the
/// session's gate or, before a session is attached, by the reading thread. <see cref="Flush"/>, <see cref="Close"/> and
/// <see cref="Wake"/> may be called by any thread at any time, also after the connection has ended.
/// </remarks>
public abstract class Link : IWakeable
{
    private int _touched;

    /// <summary>The peer's address for people, such as <c>127.0.0.1:52344</c> or <c>unix</c>.</summary>
    public abstract string Peer { get; }

    /// <summary>The URI of the listener that accepted the connection, such as <c>mqtt://127.0.0.1:1883</c>.</summary>
    public abstract string Listener { get; }

    /// <summary>What acknowledgements on this connection are worth.</summary>
    public virtual AckContract AckContract => AckContract.Fsync;

    /// <summary>Bytes taken by <see cref="Commit"/> and <see cref="SendShared"/> that the operating system has not yet taken.</summary>
    public abstract int PendingBytes { get; }

    /// <summary>
    /// Gives room for one frame of <paramref name="size"/> bytes and keeps the output locked until <see cref="Commit"/>, which must
    /// follow, with nothing that can block in between; with 0 when nothing was written after all.
    /// </summary>
    public abstract Span<byte> Reserve(int size);

    /// <summary>Takes the first <paramref name="count"/> bytes of what <see cref="Reserve"/> gave and unlocks the output.</summary>
    public abstract void Commit(int count);

    /// <summary>Appends bytes by reference. They are immutable and may be shared by any number of links.</summary>
    public abstract void SendShared(ReadOnlyMemory<byte> bytes);

    /// <summary>
    /// Hands pending bytes to the operating system without blocking; what it does not take now goes out when it is writable.
    /// Never called under a gate.
    /// </summary>
    public abstract void Flush();

    /// <summary>
    /// Ends the connection: no more is read, what is pending is sent within a bounded time, then the connection closes.
    /// Only the first call counts. <see cref="Connection.Closed"/> follows exactly once on the reading thread.
    /// </summary>
    public abstract void Close();

    /// <summary>Asks the reading thread to call <see cref="Connection.Woken"/> soon and then to read on. Calls may coalesce.</summary>
    public abstract void Wake();

    /// <summary>
    /// Asks for one <see cref="Connection.Woken"/> once everything pending has left. Without it a drained link stays quiet.
    /// Called under the same rules as output.
    /// </summary>
    public abstract void WakeWhenDrained();

    /// <summary>True for the first caller since the last <see cref="ClearTouched"/>: that caller's turn flushes the link.</summary>
    internal bool TryTouch() => Interlocked.Exchange(ref _touched, 1) == 0;

    /// <summary>A full fence: the flush that follows sees what was appended by whoever found the link still touched.</summary>
    internal void ClearTouched() => Interlocked.Exchange(ref _touched, 0);
}
