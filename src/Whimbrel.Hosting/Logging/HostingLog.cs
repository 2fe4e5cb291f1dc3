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

    [LoggerMessage(10, LogLevel.Information, "data directory {Location}: {Sessions} sessions, {Messages} queued and {Retained} retained messages, read in {Milliseconds:F0} ms")]
    public static partial void StoreOpened(ILogger logger, string location, int sessions, int messages, int retained, double milliseconds);

    [LoggerMessage(11, LogLevel.Error, "data directory {Location}: {Cause}; QoS 1 and 2 messages, sessions and subscriptions that need the disk are refused until there is room, what is stored stays readable")]
    public static partial void StoreFull(ILogger logger, string location, string cause);

    [LoggerMessage(12, LogLevel.Information, "data directory {Location}: there is room again, after {Seconds} s")]
    public static partial void StoreHasRoom(ILogger logger, string location, long seconds);

    [LoggerMessage(13, LogLevel.Critical, "data directory {Location}: {Cause}; the broker stops, because only a restart can tell what reached the disk. Nothing that was acknowledged is lost")]
    public static partial void StoreFailed(ILogger logger, Exception exception, string location, string cause);

    [LoggerMessage(14, LogLevel.Information, "no data directory: sessions, queues and retained messages end with this process")]
    public static partial void NoStore(ILogger logger);

    [LoggerMessage(15, LogLevel.Information, "acknowledgements on {Endpoint}: {Contract}")]
    public static partial void Acknowledgements(ILogger logger, string endpoint, string contract);

    [LoggerMessage(16, LogLevel.Warning, "data directory {Location}: {Count} records belong to sessions that are not there; they are removed")]
    public static partial void StoreOrphans(ILogger logger, string location, int count);

    [LoggerMessage(9, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);
}
