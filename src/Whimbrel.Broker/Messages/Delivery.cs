using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>One message on its way to one session: what differs between the receivers of the same message.</summary>
/// <param name="Message">The shared content.</param>
/// <param name="QoS">The smaller of the message's and the granted QoS [MQTT-3.8.4-8].</param>
/// <param name="Retain">The RETAIN flag that this receiver sees [MQTT-3.3.1-8 to MQTT-3.3.1-13].</param>
/// <param name="SubscriptionIds">The identifiers of all subscriptions that matched, or null [MQTT-3.3.4-3, MQTT-3.3.4-4].</param>
/// <param name="Group">The shared subscription that chose this session, or null.</param>
/// <param name="Copy">What the store keeps of it, or null when nothing survives a restart.</param>
/// <param name="Permission">An outstanding question whether the client may receive it, or null.</param>
internal readonly record struct Delivery(
    Message Message,
    QoS QoS,
    bool Retain,
    uint[]? SubscriptionIds = null,
    SharedGroup? Group = null,
    StoredCopy? Copy = null,
    Pending<Verdict>? Permission = null)
{
    /// <summary>What the delivery counts against byte bounds: its message, although others may share it, and what is its own.</summary>
    public int Size => Message.Size + (sizeof(uint) * (SubscriptionIds?.Length ?? 0));
}
