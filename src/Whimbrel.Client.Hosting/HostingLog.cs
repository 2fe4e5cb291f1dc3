using Microsoft.Extensions.Logging;

namespace Whimbrel.Client.Hosting;

/// <summary>Everything that this room logs; the client logs the rest.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(1, LogLevel.Error, "The MQTT client '{name}' has no connection and has given up: {reason}")]
    public static partial void NotConnected(ILogger log, string name, string reason);

    [LoggerMessage(2, LogLevel.Error, "The handler of '{filter}' at the MQTT client '{name}' gets nothing: {reason}")]
    public static partial void HandlerRefused(ILogger log, string name, string filter, string reason);

    [LoggerMessage(3, LogLevel.Warning, "The MQTT client '{name}' was given no time to finish what it had begun")]
    public static partial void NotDrained(ILogger log, string name);
}
