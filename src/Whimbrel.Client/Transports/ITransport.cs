namespace Whimbrel.Client.Transports;

/// <summary>One network connection as a stream of bytes. One receive and one send may be under way at a time.</summary>
internal interface ITransport : IAsyncDisposable
{
    /// <summary>0: the peer has closed its side.</summary>
    ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>Completes when all bytes have been given to the operating system.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Says to the peer that nothing more comes; what was sent arrives.</summary>
    ValueTask CloseAsync();

    /// <summary>Ends it at once. What is under way fails. May be called by any thread, more than once.</summary>
    void Abort();
}

/// <summary>Makes connections.</summary>
internal interface IConnector
{
    /// <summary>Connections may lead nowhere any more, or somewhere again. On any thread.</summary>
    event Action NetworkChanged;

    ValueTask<ITransport> ConnectAsync(Endpoint endpoint, CancellationToken cancellationToken);
}
