using Microsoft.Extensions.Logging;

namespace Whimbrel.Hosting;

/// <summary>What the hosting itself has to say; events of the broker are in <c>BrokerLog</c>.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(1, LogLevel.Information, "listening on {Endpoint}")]
    public static partial void Listening(ILogger logger, string endpoint);

    [LoggerMessage(2, LogLevel.Information, "listening on {Endpoint} (this machine only; to reach it from other devices: --listen mqtt://0.0.0.0:{Port})")]
    public static partial void ListeningThisMachine(ILogger logger, string endpoint, int port);

    [LoggerMessage(3, LogLevel.Debug, "not listening on {Endpoint}: {Cause}")]
    public static partial void AddressUnsupported(ILogger logger, string endpoint, string cause);

    [LoggerMessage(4, LogLevel.Warning, "cannot accept connections on {Endpoint}: {Cause}; new connections are closed")]
    public static partial void AcceptFailing(ILogger logger, string endpoint, string cause);

    [LoggerMessage(5, LogLevel.Information, "accepting connections on {Endpoint} again; {Refused} were closed")]
    public static partial void AcceptRecovered(ILogger logger, string endpoint, long refused);

    [LoggerMessage(6, LogLevel.Error, "internal error while serving {Peer}; the connection is closed")]
    public static partial void LinkFailed(ILogger logger, Exception exception, string peer);

    [LoggerMessage(7, LogLevel.Critical, "internal error in {Thread}")]
    public static partial void ThreadFailed(ILogger logger, Exception exception, string thread);

    [LoggerMessage(8, LogLevel.Error, "the handler of the subscription to '{Filter}' failed; the message is lost")]
    public static partial void HandlerFailed(ILogger logger, Exception exception, string filter);

    [LoggerMessage(9, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);
}
