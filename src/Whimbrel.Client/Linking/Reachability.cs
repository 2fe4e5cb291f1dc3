using System.Net.Sockets;
using System.Security.Authentication;
using Whimbrel.Client.Transports;

namespace Whimbrel.Client.Linking;

/// <summary>Why a server cannot be reached, in words that say what to look at.</summary>
internal static class Reachability
{
    private const int TlsPort = 8883;

    public static string Cause(Endpoint endpoint, Exception failure)
    {
        // A WebSocket wraps what happened twice.
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case SocketException socket:
                    return Cause(endpoint, socket);
                case AuthenticationException { InnerException: null } or ProxyException:
                    return cause.Message.TrimEnd('.');
            }
        }

        return failure.Message.TrimEnd('.');
    }

    /// <summary>The server ended the connection instead of answering CONNECT.</summary>
    /// <param name="endpoint">Where it is.</param>
    /// <param name="detail">What was wrong with what it said, if it said anything.</param>
    public static string Unanswered(Endpoint endpoint, string? detail) => detail
        ?? (endpoint is { Kind: EndpointKind.Tcp, Port: TlsPort } ? $"it closed the connection at once; {TlsPort} is the port for TLS: use mqtts://"
            : endpoint.IsSecure ? "it closed the connection at once; it may want a client's certificate"
            : "it closed the connection when it had seen CONNECT; is that an MQTT port?");

    private static string Cause(Endpoint endpoint, SocketException failure)
    {
        bool isUnix = endpoint.Kind == EndpointKind.Unix;
        return failure.SocketErrorCode switch
        {
            SocketError.ConnectionRefused when isUnix => "nobody listens on that socket",
            SocketError.ConnectionRefused => "connection refused: nothing listens on that port",
            SocketError.HostNotFound or SocketError.NoData => "the host name is not known",
            SocketError.TryAgain => "the host name cannot be looked up now",
            SocketError.HostUnreachable or SocketError.NetworkUnreachable => "there is no way to that host",
            SocketError.TimedOut => "no answer",
            SocketError.AddressNotAvailable when isUnix => "there is no such socket",
            SocketError.AccessDenied => "not permitted",
            _ when isUnix && !File.Exists(endpoint.Host) => "there is no such socket",
            _ => failure.Message.TrimEnd('.'),
        };
    }
}
