using System.Net.Security;

namespace Whimbrel.Client.Transports;

/// <summary>Bytes through a stream: TLS over whatever lies beneath.</summary>
internal sealed class StreamTransport(Stream stream) : ITransport
{
    private int _isAborted;

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => stream.ReadAsync(buffer, CancellationToken.None);

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes, CancellationToken.None);

    public async ValueTask CloseAsync()
    {
        if (stream is SslStream secure)
            await secure.ShutdownAsync().ConfigureAwait(false);
    }

    public void Abort()
    {
        if (Interlocked.Exchange(ref _isAborted, 1) == 0)
            stream.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Abort();
        return default;
    }
}
