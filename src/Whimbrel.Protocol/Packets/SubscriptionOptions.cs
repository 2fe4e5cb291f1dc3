namespace Whimbrel.Protocol;

/// <summary>What a subscription wants of retained messages (5.0 section 3.8.3.1).</summary>
public enum RetainHandling : byte
{
    SendOnSubscribe,
    SendIfNew,
    DoNotSend,
}

/// <summary>The options byte of one subscription; in 3.x the requested QoS alone.</summary>
public readonly record struct SubscriptionOptions(byte Bits)
{
    public SubscriptionOptions(
        QoS qos,
        bool noLocal = false,
        bool retainAsPublished = false,
        RetainHandling retainHandling = RetainHandling.SendOnSubscribe)
        : this((byte)((int)qos | (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | ((int)retainHandling << 4)))
    {
    }

    /// <summary>The same options with another QoS.</summary>
    public SubscriptionOptions With(QoS qos) => new((byte)((Bits & ~0x03) | (int)qos));

    /// <summary>The same options with No Local and Retain As Published.</summary>
    public SubscriptionOptions ForBridge() => new((byte)(Bits | 0x0C));

    /// <summary>The greatest QoS that the subscriber wants.</summary>
    public QoS QoS => (QoS)(Bits & 0x03);

    /// <summary>The subscriber does not want its own messages.</summary>
    public bool NoLocal => (Bits & 0x04) != 0;

    /// <summary>Messages keep the RETAIN flag that they were published with.</summary>
    public bool RetainAsPublished => (Bits & 0x08) != 0;

    public RetainHandling RetainHandling => (RetainHandling)((Bits >> 4) & 0x03);
}
