using System.Net.Sockets;

namespace Whimbrel.Cli.Wire;

/// <summary>Where a broker is.</summary>
/// <param name="Host">A name or an address; empty for a unix socket.</param>
/// <param name="UnixPath">The socket file, or null for TCP.</param>
internal sealed record WireTarget(string Host, int Port, string? UnixPath = null)
{
    public const int DefaultPort = 1883;
    public const int TlsPort = 8883;

    public override string ToString() =>
        UnixPath is not null ? $"unix://{UnixPath}"
        : Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}"
        : $"{Host}:{Port}";

    /// <exception cref="CommandFailure">Nobody answers; says why.</exception>
    public async Task<Socket> ConnectAsync(TimeSpan patience, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        var socket = UnixPath is not null
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (UnixPath is not null)
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(UnixPath), limit.Token).ConfigureAwait(false);
            else
                await socket.ConnectAsync(Host, Port, limit.Token).ConfigureAwait(false);
            return socket;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            socket.Dispose();
            throw Unreachable($"no answer within {patience.TotalSeconds:0} seconds");
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw Unreachable(Cause(e));
        }
        catch (ArgumentException e)
        {
            socket.Dispose();
            throw Unreachable(e.Message);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public CommandFailure Unreachable(string cause) => new(ExitCode.Unreachable, $"cannot reach {this}: {cause}");

    private string Cause(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.ConnectionRefused when UnixPath is not null => "nobody listens on that socket",
        SocketError.ConnectionRefused => "connection refused: nothing listens on that port",
        SocketError.HostNotFound or SocketError.NoData => "the host name is not known",
        SocketError.TryAgain => "the host name cannot be looked up now",
        SocketError.HostUnreachable or SocketError.NetworkUnreachable => "there is no way to that host",
        SocketError.TimedOut => "no answer",
        SocketError.AddressNotAvailable when UnixPath is not null => "there is no such socket",
        SocketError.AccessDenied => "not permitted",
        _ when UnixPath is not null && !File.Exists(UnixPath) => "there is no such socket",
        _ => e.Message,
    };
}
