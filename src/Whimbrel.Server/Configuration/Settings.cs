using Microsoft.Extensions.Logging;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Protocol;
using Whimbrel.Storage;

namespace Whimbrel.Server;

/// <summary>
/// The table of settings: the only place that knows which there are. The file reader, the environment reader, the options of
/// <c>whimbrel serve</c>, <c>config check</c>, <c>config show</c> and docs/reference/configuration.md all use it.
/// </summary>
internal static class Settings
{
    public const string Listen = "listen";
    public const string Links = "links";
    public const string EventLoops = "eventLoops";
    public const string LogLevelKey = "log.level";
    public const string DataStore = "data.store";
    public const string DataDirectory = "data.directory";
    public const string DataProfile = "data.profile";

    /// <summary>In the order in which they are shown.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        new ListenSetting(
            Listen,
            "Where the broker listens. `mqtt://localhost:1883` is this machine only, `mqtt://*:1883` every address; `unix:///path` is a socket file. `?ack=memory` behind it: acknowledge before the disk has it."),
        new ChoiceSetting<LinkKind>(
            Links,
            [("auto", LinkKind.Auto), ("eventLoop", LinkKind.EventLoop), ("pipes", LinkKind.Pipes)],
            c => c.Links,
            (c, v) => c with { Links = v },
            "How connections are carried: own event loops (Linux), or the runtime's connection pipes. `auto` takes event loops where there are any."),
        new NumberSetting(
            EventLoops, 0, 1024, c => c.EventLoops, (c, v) => c with { EventLoops = (int)v },
            "Event loop threads; 0 for one up to 4 cores, and half of the cores above."),
        new ChoiceSetting<LogLevel>(
            LogLevelKey,
            [
                ("trace", LogLevel.Trace), ("debug", LogLevel.Debug), ("info", LogLevel.Information),
                ("warning", LogLevel.Warning), ("error", LogLevel.Error), ("none", LogLevel.None),
            ],
            c => c.LogLevel,
            (c, v) => c with { LogLevel = v },
            "The least important lines that are still logged, to standard error."),
        new ChoiceSetting<StoreKind>(
            DataStore,
            [("disk", StoreKind.Disk), ("memory", StoreKind.Memory)],
            c => c.Store,
            (c, v) => c with { Store = v },
            "Where sessions, queues and retained messages are kept: `disk` is the data directory, `memory` ends with the process."),
        new TextSetting(
            DataDirectory, c => c.DataDirectory, (c, v) => c with { DataDirectory = v }, true,
            "The data directory. null is `$STATE_DIRECTORY`, else `whimbrel` in the user's data directory (`~/.local/share`, `%LOCALAPPDATA%`)."),
        new ChoiceSetting<StoreProfile>(
            DataProfile,
            [("standard", StoreProfile.Standard), ("small", StoreProfile.Small)],
            c => c.StoreProfile,
            (c, v) => c with { StoreProfile = v },
            "How much memory and log the store takes: `standard` up to 128 MB and 64 MB, `small` up to 16 MB each."),
        new NumberSetting(
            "data.minimumFreeBytes", 0, long.MaxValue, c => c.MinimumFreeBytes, (c, v) => c with { MinimumFreeBytes = v },
            "Bytes that must be free on the data directory's disk; with less, what needs more room is refused and what is stored stays readable."),
        .. Limits,
    ];

    private static Setting[] Limits =>
    [
        Limit(
            "maximumPacketSize", 128, 268_435_460, o => o.MaximumPacketSize, (o, v) => o with { MaximumPacketSize = (uint)v },
            "Largest packet accepted from a client, in bytes, its header included."),
        Limit(
            "connectPacketSizeMax", 128, 268_435_460, o => o.ConnectPacketSizeMax, (o, v) => o with { ConnectPacketSizeMax = (uint)v },
            "Largest CONNECT accepted, in bytes."),
        Limit(
            "receiveMaximum", 1, ushort.MaxValue, o => o.ReceiveMaximum, (o, v) => o with { ReceiveMaximum = (ushort)v },
            "QoS 1 and 2 messages that a client may have unacknowledged."),
        Limit(
            "inFlightMax", 1, ushort.MaxValue, o => o.InFlightMax, (o, v) => o with { InFlightMax = (ushort)v },
            "QoS 1 and 2 messages that the broker has unacknowledged at one client, below the client's own Receive Maximum."),
        Limit(
            "topicAliasMaximum", 0, ushort.MaxValue, o => o.TopicAliasMaximum, (o, v) => o with { TopicAliasMaximum = (ushort)v },
            "Topic aliases that a client may set; 0 forbids them."),
        Limit(
            "outboundTopicAliasMax", 0, ushort.MaxValue, o => o.OutboundTopicAliasMax, (o, v) => o with { OutboundTopicAliasMax = (ushort)v },
            "Topic aliases that the broker sets at a client that allows them; 0 for none."),
        Limit(
            "maximumQoS", 0, 2, o => (long)o.MaximumQoS, (o, v) => o with { MaximumQoS = (QoS)v },
            "Highest QoS that clients may publish with."),
        Flag(
            "retainAvailable", o => o.RetainAvailable, (o, v) => o with { RetainAvailable = v },
            "Whether clients may publish retained messages."),
        Flag(
            "wildcardSubscriptionAvailable", o => o.WildcardSubscriptionAvailable, (o, v) => o with { WildcardSubscriptionAvailable = v },
            "Whether filters may have wildcards."),
        Flag(
            "sharedSubscriptionAvailable", o => o.SharedSubscriptionAvailable, (o, v) => o with { SharedSubscriptionAvailable = v },
            "Whether clients may use `$share/GROUP/FILTER`."),
        Flag(
            "subscriptionIdentifiersAvailable", o => o.SubscriptionIdentifiersAvailable, (o, v) => o with { SubscriptionIdentifiersAvailable = v },
            "Whether subscriptions may have identifiers."),
        Limit(
            "keepAliveSecondsMax", 0, ushort.MaxValue, o => o.KeepAliveSecondsMax, (o, v) => o with { KeepAliveSecondsMax = (ushort)v },
            "Longest keep alive granted to MQTT 5.0 clients, in seconds; 0 leaves it to them."),
        Limit(
            "sessionExpirySecondsMax", 0, uint.MaxValue, o => o.SessionExpirySecondsMax, (o, v) => o with { SessionExpirySecondsMax = (uint)v },
            "Longest session expiry granted, in seconds; 4294967295 is for ever. Sessions of 3.x without clean session get this."),
        Limit(
            "connectTimeoutSeconds", 1, 300, o => o.ConnectTimeoutSeconds, (o, v) => o with { ConnectTimeoutSeconds = (int)v },
            "Time for a new connection to complete CONNECT, in seconds."),
        Limit(
            "clientIdLengthMax", 1, ushort.MaxValue, o => o.ClientIdLengthMax, (o, v) => o with { ClientIdLengthMax = (int)v },
            "Longest client identifier accepted, in bytes."),
        Limit(
            "topicLevelsMax", 1, 1024, o => o.TopicLevelsMax, (o, v) => o with { TopicLevelsMax = (int)v },
            "Deepest topic or filter accepted, in levels."),
        Limit(
            "subscriptionsPerSessionMax", 1, int.MaxValue, o => o.SubscriptionsPerSessionMax, (o, v) => o with { SubscriptionsPerSessionMax = (int)v },
            "Subscriptions of one session."),
        Limit("sessionsMax", 1, int.MaxValue, o => o.SessionsMax, (o, v) => o with { SessionsMax = (int)v }, "Sessions, connected or not."),
        Limit(
            "outboxMessagesMax", 0, int.MaxValue, o => o.OutboxMessagesMax, (o, v) => o with { OutboxMessagesMax = (int)v },
            "Messages that wait for one session."),
        Limit(
            "outboxBytesMax", 0, long.MaxValue, o => o.OutboxBytesMax, (o, v) => o with { OutboxBytesMax = v },
            "Bytes that wait for one session."),
        new ChoiceSetting<OutboxPolicy>(
            LimitKey("outboxPolicy"),
            [("dropOldest", OutboxPolicy.DropOldest), ("dropNewest", OutboxPolicy.DropNewest), ("rejectPublisher", OutboxPolicy.RejectPublisher)],
            c => c.Limits.OutboxPolicy,
            (c, v) => c with { Limits = c.Limits with { OutboxPolicy = v } },
            "What a full outbox does with one message more."),
        Flag(
            "queueQoS0Offline", o => o.QueueQoS0Offline, (o, v) => o with { QueueQoS0Offline = v },
            "Whether QoS 0 messages wait for a session that is not connected."),
        Limit(
            "retainedMessagesMax", 0, int.MaxValue, o => o.RetainedMessagesMax, (o, v) => o with { RetainedMessagesMax = (int)v },
            "Retained messages."),
        Limit(
            "retainedBytesMax", 0, long.MaxValue, o => o.RetainedBytesMax, (o, v) => o with { RetainedBytesMax = v },
            "Bytes of retained messages."),
        Limit(
            "linkHighWaterBytes", 1024, int.MaxValue, o => o.LinkHighWaterBytes, (o, v) => o with { LinkHighWaterBytes = (int)v },
            "Unsent bytes at which a connection is given no more queued or retained messages until it has drained."),
        Limit(
            "linkOutputBytesMax", 1024, int.MaxValue, o => o.LinkOutputBytesMax, (o, v) => o with { LinkOutputBytesMax = (int)v },
            "Unsent bytes at which QoS 0 messages for a connection are dropped; at least `linkHighWaterBytes`."),
        Limit(
            "linkStallSeconds", 1, 86_400, o => o.LinkStallSeconds, (o, v) => o with { LinkStallSeconds = (int)v },
            "Seconds after which a connection is closed whose peer takes nothing of what waits for it."),
        Limit(
            "sysIntervalSeconds", 0, 86_400, o => o.SysIntervalSeconds, (o, v) => o with { SysIntervalSeconds = (int)v },
            "Seconds between updates of the `$SYS` topics; 0 turns them off."),
        new TextSetting(
            LimitKey("version"), c => c.Limits.Version, (c, v) => c with { Limits = c.Limits with { Version = v! } }, false,
            "What `$SYS/broker/version` shows."),
        new TextSetting(
            LimitKey("responseInformation"), c => c.Limits.ResponseInformation, (c, v) => c with { Limits = c.Limits with { ResponseInformation = v } }, true,
            "What a client that asks for response information is given."),
    ];

    public static Setting? Find(string key)
    {
        foreach (var setting in All)
        {
            if (setting.Key == key)
                return setting;
        }

        return null;
    }

    /// <summary>Whether keys begin with this path, so that it is an object in the file.</summary>
    public static bool IsSection(string path) => All.Any(s => SettingNames.Section(s.Key) == path);

    /// <summary>Full key (or section) that <paramref name="path"/> was probably meant to be.</summary>
    public static string? Suggest(string path)
    {
        string leaf = SettingNames.Leaf(path);
        string section = SettingNames.Section(path);
        foreach (var setting in All)
        {
            if (SettingNames.Leaf(setting.Key).Equals(leaf, StringComparison.OrdinalIgnoreCase))
                return setting.Key;
        }

        var sections = All.Select(s => SettingNames.Section(s.Key)).Where(s => s.Length > 0).Distinct();
        var siblings = All.Select(s => s.Key).Concat(sections).Where(k => SettingNames.Section(k) == section);
        if (Spelling.Nearest(leaf, siblings.Select(SettingNames.Leaf)) is { } near)
            return section.Length == 0 ? near : $"{section}.{near}";
        return Spelling.Nearest(leaf, All.Select(s => SettingNames.Leaf(s.Key))) is { } elsewhere
            ? All.First(s => SettingNames.Leaf(s.Key) == elsewhere).Key
            : Spelling.Nearest(path, All.Select(s => s.Key));
    }

    private static string LimitKey(string name) => $"limits.{name}";

    private static NumberSetting Limit(
        string name, long min, long max, Func<BrokerOptions, long> get, Func<BrokerOptions, long, BrokerOptions> set, string description) =>
        new(LimitKey(name), min, max, c => get(c.Limits), (c, v) => c with { Limits = set(c.Limits, v) }, description);

    private static FlagSetting Flag(
        string name, Func<BrokerOptions, bool> get, Func<BrokerOptions, bool, BrokerOptions> set, string description) =>
        new(LimitKey(name), c => get(c.Limits), (c, v) => c with { Limits = set(c.Limits, v) }, description);
}
