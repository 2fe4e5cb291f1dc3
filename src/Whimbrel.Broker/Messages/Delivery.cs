using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>One message on its way to one session: what differs between the receivers of the same message.</summary>
/// <remarks>Queues and windows hold very many, most of them with nothing but the first three: the rest shares one field.</remarks>
internal readonly struct Delivery
{
    // Null, or the only one of the four that is set, or all of them.
    private readonly object? _rest;

    /// <param name="message">The shared content.</param>
    /// <param name="qos">The smaller of the message's and the granted QoS [MQTT-3.8.4-8].</param>
    /// <param name="retain">The RETAIN flag that this receiver sees [MQTT-3.3.1-8 to MQTT-3.3.1-13].</param>
    /// <param name="subscriptionIds">See <see cref="SubscriptionIds"/>.</param>
    /// <param name="group">See <see cref="Group"/>.</param>
    /// <param name="copy">See <see cref="Copy"/>.</param>
    public Delivery(Message message, QoS qos, bool retain, uint[]? subscriptionIds = null, SharedGroup? group = null, StoredCopy? copy = null)
        : this(message, qos, retain, Join(subscriptionIds, group, copy, null))
    {
    }

    private Delivery(Message message, QoS qos, bool retain, object? rest)
    {
        Message = message;
        QoS = qos;
        Retain = retain;
        _rest = rest;
    }

    public Message Message { get; }

    public QoS QoS { get; }

    public bool Retain { get; }

    /// <summary>The identifiers of all subscriptions that matched, or null [MQTT-3.3.4-3, MQTT-3.3.4-4].</summary>
    public uint[]? SubscriptionIds => _rest is Everything all ? all.SubscriptionIds : _rest as uint[];

    /// <summary>The shared subscription that chose this session, or null.</summary>
    public SharedGroup? Group => _rest is Everything all ? all.Group : _rest as SharedGroup;

    /// <summary>What the store keeps of it, or null when nothing survives a restart.</summary>
    public StoredCopy? Copy => _rest is Everything all ? all.Copy : _rest as StoredCopy;

    /// <summary>An outstanding question whether the client may receive it, or null.</summary>
    public Pending<Verdict>? Permission => _rest is Everything all ? all.Permission : _rest as Pending<Verdict>;

    /// <summary>What the delivery counts against byte bounds: its message, although others may share it, and what is its own.</summary>
    public int Size => Message.Size + (sizeof(uint) * (SubscriptionIds?.Length ?? 0));

    public Delivery With(Message message) => new(message, QoS, Retain, _rest);

    public Delivery With(StoredCopy? copy) => new(Message, QoS, Retain, Join(SubscriptionIds, Group, copy, Permission));

    public Delivery With(SharedGroup? group) => new(Message, QoS, Retain, Join(SubscriptionIds, group, Copy, Permission));

    public Delivery With(Pending<Verdict>? permission) => new(Message, QoS, Retain, Join(SubscriptionIds, Group, Copy, permission));

    private static object? Join(uint[]? ids, SharedGroup? group, StoredCopy? copy, Pending<Verdict>? permission)
    {
        int count = (ids is null ? 0 : 1) + (group is null ? 0 : 1) + (copy is null ? 0 : 1) + (permission is null ? 0 : 1);
        return count > 1 ? new Everything(ids, group, copy, permission) : (object?)ids ?? (object?)group ?? (object?)copy ?? permission;
    }

    private sealed record Everything(uint[]? SubscriptionIds, SharedGroup? Group, StoredCopy? Copy, Pending<Verdict>? Permission);
}
