using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Every bound and choice of the broker. The defaults are reasoned in <c>docs/design/0004-bounds-and-defaults.md</c>.
/// </summary>
public sealed record BrokerOptions
{
    /// <summary>Largest packet accepted from a client, in bytes, its fixed header included. 1 to 268,435,460.</summary>
    public uint MaximumPacketSize { get; init; } = 2 * 1024 * 1024;

    /// <summary>Largest CONNECT accepted, in bytes: what somebody not yet known may make the broker hold.</summary>
    public uint ConnectPacketSizeMax { get; init; } = 128 * 1024;

    /// <summary>QoS 1 and 2 PUBLISH packets that a client may have unacknowledged. 1 to 65,535.</summary>
    public ushort ReceiveMaximum { get; init; } = 1000;

    /// <summary>QoS 1 and 2 PUBLISH packets that the broker has unacknowledged at one client, below the client's own Receive Maximum. 1 to 65,535.</summary>
    public ushort InFlightMax { get; init; } = 256;

    /// <summary>Topic aliases that a client may set. 0 forbids them.</summary>
    public ushort TopicAliasMaximum { get; init; } = 64;

    /// <summary>Topic aliases that the broker sets at a client that allows more. 0 for none.</summary>
    public ushort OutboundTopicAliasMax { get; init; } = 64;

    public QoS MaximumQoS { get; init; } = QoS.ExactlyOnce;

    public bool RetainAvailable { get; init; } = true;

    public bool WildcardSubscriptionAvailable { get; init; } = true;

    public bool SharedSubscriptionAvailable { get; init; } = true;

    public bool SubscriptionIdentifiersAvailable { get; init; } = true;

    /// <summary>Longest keep alive granted, in seconds; 0 leaves it to the client. Only MQTT 5.0 clients can be told.</summary>
    public ushort KeepAliveSecondsMax { get; init; }

    /// <summary>Longest session expiry granted, in seconds; 4,294,967,295 is for ever. Sessions of 3.x without clean session get this.</summary>
    public uint SessionExpirySecondsMax { get; init; } = 30 * 24 * 60 * 60;

    /// <summary>Time for a new connection to complete CONNECT, in seconds. 1 to 300.</summary>
    public int ConnectTimeoutSeconds { get; init; } = 10;

    /// <summary>Longest client identifier accepted, in bytes of UTF-8.</summary>
    public int ClientIdLengthMax { get; init; } = 1024;

    /// <summary>Deepest topic or filter accepted, in levels.</summary>
    public int TopicLevelsMax { get; init; } = 128;

    /// <summary>Subscriptions of one session.</summary>
    public int SubscriptionsPerSessionMax { get; init; } = 10_000;

    /// <summary>Sessions, connected or not.</summary>
    public int SessionsMax { get; init; } = 2_000_000;

    /// <summary>Messages that wait for one session.</summary>
    public int OutboxMessagesMax { get; init; } = 10_000;

    /// <summary>Bytes that wait for one session.</summary>
    public long OutboxBytesMax { get; init; } = 32 * 1024 * 1024;

    public OutboxPolicy OutboxPolicy { get; init; } = OutboxPolicy.DropOldest;

    /// <summary>Whether QoS 0 messages wait for a session without a connection.</summary>
    public bool QueueQoS0Offline { get; init; }

    /// <summary>Retained messages.</summary>
    public int RetainedMessagesMax { get; init; } = 1_000_000;

    /// <summary>Bytes of retained messages.</summary>
    public long RetainedBytesMax { get; init; } = 1024L * 1024 * 1024;

    /// <summary>Unsent bytes at which a link is given no more queued or retained messages until it has drained.</summary>
    public int LinkHighWaterBytes { get; init; } = 256 * 1024;

    /// <summary>
    /// Unsent bytes at which QoS 0 messages for the link are dropped and, if acknowledgements alone exceed it, the link is closed.
    /// </summary>
    public int LinkOutputBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Seconds after which a link is closed whose peer takes nothing of what is waiting for it.</summary>
    public int LinkStallSeconds { get; init; } = 30;

    /// <summary>Seconds between updates of the <c>$SYS</c> topics; 0 turns them off.</summary>
    public int SysIntervalSeconds { get; init; } = 10;

    /// <summary>The version that <c>$SYS/broker/version</c> shows.</summary>
    public string Version { get; init; } = "Whimbrel";

    /// <summary>What a client that asks for response information is given; null for none.</summary>
    public string? ResponseInformation { get; init; }

    /// <summary>Returns the options if every one is in its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is not; the message names it.</exception>
    public BrokerOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumPacketSize, 128u, nameof(MaximumPacketSize));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaximumPacketSize, 268_435_460u, nameof(MaximumPacketSize));
        ArgumentOutOfRangeException.ThrowIfLessThan(ConnectPacketSizeMax, 128u, nameof(ConnectPacketSizeMax));
        ArgumentOutOfRangeException.ThrowIfZero(ReceiveMaximum, nameof(ReceiveMaximum));
        ArgumentOutOfRangeException.ThrowIfZero(InFlightMax, nameof(InFlightMax));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)MaximumQoS, 2, nameof(MaximumQoS));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ConnectTimeoutSeconds, nameof(ConnectTimeoutSeconds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ConnectTimeoutSeconds, 300, nameof(ConnectTimeoutSeconds));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ClientIdLengthMax, nameof(ClientIdLengthMax));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(TopicLevelsMax, nameof(TopicLevelsMax));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(TopicLevelsMax, 1024, nameof(TopicLevelsMax));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(SubscriptionsPerSessionMax, nameof(SubscriptionsPerSessionMax));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(SessionsMax, nameof(SessionsMax));
        ArgumentOutOfRangeException.ThrowIfNegative(OutboxMessagesMax, nameof(OutboxMessagesMax));
        ArgumentOutOfRangeException.ThrowIfNegative(OutboxBytesMax, nameof(OutboxBytesMax));
        ArgumentOutOfRangeException.ThrowIfNegative(RetainedMessagesMax, nameof(RetainedMessagesMax));
        ArgumentOutOfRangeException.ThrowIfNegative(RetainedBytesMax, nameof(RetainedBytesMax));
        ArgumentOutOfRangeException.ThrowIfLessThan(LinkHighWaterBytes, 1024, nameof(LinkHighWaterBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(LinkOutputBytesMax, LinkHighWaterBytes, nameof(LinkOutputBytesMax));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(LinkStallSeconds, nameof(LinkStallSeconds));
        ArgumentOutOfRangeException.ThrowIfNegative(SysIntervalSeconds, nameof(SysIntervalSeconds));
        return this;
    }
}
