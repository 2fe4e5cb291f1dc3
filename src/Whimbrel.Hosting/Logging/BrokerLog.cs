using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting;

/// <summary>
/// Writes what happens in the broker to the log, each with peer, client and cause. What can happen thousands of times a second is
/// written once per episode, with a count.
/// </summary>
internal sealed partial class BrokerLog(ILogger logger, BrokerClock clock) : IBrokerEvents
{
    private readonly DropEpisodes _drops = new();

    public void On(in BrokerEvent happened)
    {
        switch (happened.Kind)
        {
            case BrokerEventKind.Connected when logger.IsEnabled(LogLevel.Information):
                Connected(logger, happened.Peer, Printable.Of(happened.ClientId), NameOf(happened.Version), happened.KeepAliveSeconds, happened.SessionPresent ? "resumed" : "new");
                break;
            case BrokerEventKind.Refused when logger.IsEnabled(LogLevel.Warning):
                Refused(logger, happened.Peer, Printable.Of(happened.ClientId), (byte)happened.Code, ReasonCodes.Name(happened.Code), happened.Detail);
                break;
            case BrokerEventKind.Closed:
                OnClosed(happened);
                break;
            case BrokerEventKind.Dropped when logger.IsEnabled(LogLevel.Warning):
                if (_drops.IsFirst(happened.ClientId, happened.DropReason, happened.Count, clock.NowMilliseconds))
                    Dropped(logger, happened.Count, Printable.Of(happened.ClientId), happened.DropReason, Printable.Of(happened.Topic.Span));
                break;
            case BrokerEventKind.SessionEnded when logger.IsEnabled(LogLevel.Debug):
                SessionEnded(logger, Printable.Of(happened.ClientId));
                break;
            case BrokerEventKind.SubscriptionRefused when logger.IsEnabled(LogLevel.Warning):
                SubscriptionRefused(logger, Printable.Of(happened.ClientId), happened.Peer, Printable.Of(happened.Topic.Span), (byte)happened.Code, ReasonCodes.Name(happened.Code), happened.Count);
                break;
            default:
                break;
        }
    }

    /// <summary>Writes the counts of episodes that are over. Called about once a second.</summary>
    public void OnSecond(long nowMilliseconds)
    {
        foreach (var (clientId, reason, count) in _drops.TakeEnded(nowMilliseconds))
        {
            if (logger.IsEnabled(LogLevel.Warning))
                DroppedMore(logger, count, Printable.Of(clientId), reason);
        }
    }

    private void OnClosed(in BrokerEvent happened)
    {
        // What ConnectionRefused says has been said by Refused a moment before.
        var level = happened.CloseReason switch
        {
            CloseReason.ConnectionRefused => LogLevel.Debug,
            CloseReason.ProtocolViolation or CloseReason.WriteStalled or CloseReason.OutputOverflow => LogLevel.Warning,
            _ => LogLevel.Information,
        };
        if (!logger.IsEnabled(level))
            return;
        string clientId = Printable.Of(happened.ClientId);
        Closed(logger, level, happened.Peer, clientId, happened.CloseReason, happened.Detail);
    }

    private static string NameOf(ProtocolVersion version) => version switch
    {
        ProtocolVersion.Mqtt31 => "MQTT 3.1",
        ProtocolVersion.Mqtt311 => "MQTT 3.1.1",
        _ => "MQTT 5.0",
    };

    [LoggerMessage(20, LogLevel.Information, "{Peer} connected as '{ClientId}' ({Version}, keep alive {KeepAliveSeconds} s, {Session} session)")]
    private static partial void Connected(ILogger logger, string? peer, string clientId, string version, int keepAliveSeconds, string session);

    [LoggerMessage(21, LogLevel.Warning, "{Peer} refused as '{ClientId}': 0x{Code:X2} {CodeName}, {Detail}")]
    private static partial void Refused(ILogger logger, string? peer, string clientId, byte code, string codeName, string? detail);

    [LoggerMessage(EventId = 22, Message = "{Peer} '{ClientId}' closed: {Reason}, {Detail}")]
    private static partial void Closed(ILogger logger, LogLevel level, string? peer, string clientId, CloseReason reason, string? detail);

    [LoggerMessage(23, LogLevel.Warning, "dropped {Count} for '{ClientId}': {Reason}, topic '{Topic}'")]
    private static partial void Dropped(ILogger logger, int count, string clientId, DropReason reason, string topic);

    [LoggerMessage(24, LogLevel.Warning, "dropped {Count} more for '{ClientId}': {Reason}")]
    private static partial void DroppedMore(ILogger logger, long count, string clientId, DropReason reason);

    [LoggerMessage(25, LogLevel.Debug, "session '{ClientId}' ended")]
    private static partial void SessionEnded(ILogger logger, string clientId);

    [LoggerMessage(26, LogLevel.Warning, "'{ClientId}' at {Peer} may not subscribe to '{Filter}': 0x{Code:X2} {CodeName} ({Count} refused)")]
    private static partial void SubscriptionRefused(ILogger logger, string clientId, string? peer, string filter, byte code, string codeName, int count);
}
