using Microsoft.Extensions.Logging;

namespace Whimbrel.Client;

/// <summary>Everything that a client logs.</summary>
internal static partial class ClientLog
{
    [LoggerMessage(1, LogLevel.Information, "Connected to {endpoint} as {clientId}; session present: {isPresent}")]
    public static partial void Connected(ILogger log, string endpoint, string clientId, bool isPresent);

    [LoggerMessage(2, LogLevel.Warning, "The connection to {endpoint} is lost: {reason}")]
    public static partial void Lost(ILogger log, string endpoint, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Connecting to {endpoint} failed: {reason}")]
    public static partial void Failed(ILogger log, string endpoint, string reason);

    [LoggerMessage(4, LogLevel.Error, "Given up: {reason}")]
    public static partial void GivenUp(ILogger log, string reason);

    [LoggerMessage(5, LogLevel.Warning, "The server has forgotten the session; {count} subscriptions are made again")]
    public static partial void SessionLost(ILogger log, int count);

    [LoggerMessage(6, LogLevel.Warning, "Messages for {filter} come faster than they are taken; the oldest of QoS 0 are dropped")]
    public static partial void Overflow(ILogger log, string filter);

    [LoggerMessage(7, LogLevel.Warning, "A message to {topic} expired before it could be sent")]
    public static partial void Expired(ILogger log, string topic);

    [LoggerMessage(8, LogLevel.Error, "A message to {topic} is taken out: the server closes the connection whenever it gets it")]
    public static partial void Quarantined(ILogger log, string topic);

    [LoggerMessage(9, LogLevel.Debug, "A message for {topic} came and nobody has subscribed to it")]
    public static partial void NobodyWants(ILogger log, string topic);

    [LoggerMessage(10, LogLevel.Error, "The handler of {filter} failed on a message for {topic}")]
    public static partial void HandlerFailed(ILogger log, Exception exception, string filter, string topic);

    [LoggerMessage(11, LogLevel.Error, "The server refused to subscribe again to {filter}: {reason}")]
    public static partial void SubscriptionRefused(ILogger log, string filter, string reason);

    [LoggerMessage(12, LogLevel.Error, "A subscriber of the client's events threw")]
    public static partial void EventFailed(ILogger log, Exception exception);

    [LoggerMessage(13, LogLevel.Error, "The outbox cannot be written: {reason}")]
    public static partial void StoreFailed(ILogger log, Exception exception, string reason);

    [LoggerMessage(15, LogLevel.Warning, "The handler of {filter} has been busy for {seconds:0.#} seconds with a message for {topic}; {waiting} more wait")]
    public static partial void HandlerStuck(ILogger log, string filter, double seconds, string topic, int waiting);

    [LoggerMessage(14, LogLevel.Trace, "{verb} {packet}")]
    public static partial void Packet(ILogger log, string verb, string packet);
}
