namespace Whimbrel.Protocol;

/// <summary>The type of a property's value on the wire.</summary>
internal enum PropertyKind : byte
{
    Unknown,
    Byte,
    UInt16,
    UInt32,
    VariableByteInteger,
    Utf8,
    Binary,
    Utf8Pair,
}

/// <summary>Table 2-4 of MQTT 5.0: each property's type and the places where it may stand.</summary>
internal static class PropertyRules
{
    /// <summary>The largest known identifier.</summary>
    private const byte Last = (byte)PropertyId.SharedSubscriptionAvailable;

    private const ushort Will = 1 << (int)PropertyScope.Will;
    private const ushort Connect = 1 << (int)PropertyScope.Connect;
    private const ushort ConnAck = 1 << (int)PropertyScope.ConnAck;
    private const ushort Publish = 1 << (int)PropertyScope.Publish;
    private const ushort Subscribe = 1 << (int)PropertyScope.Subscribe;
    private const ushort Disconnect = 1 << (int)PropertyScope.Disconnect;
    private const ushort Auth = 1 << (int)PropertyScope.Auth;
    private const ushort Acks = (1 << (int)PropertyScope.PubAck) | (1 << (int)PropertyScope.PubRec)
        | (1 << (int)PropertyScope.PubRel) | (1 << (int)PropertyScope.PubComp)
        | (1 << (int)PropertyScope.SubAck) | (1 << (int)PropertyScope.UnsubAck);

    private const ushort All = Will | Connect | ConnAck | Publish | Acks | Subscribe
        | (1 << (int)PropertyScope.Unsubscribe) | Disconnect | Auth;

    // Indexed by identifier, 0x00 to 0x2A. A table and not a switch: one load per property.
    private static ReadOnlySpan<ushort> Scopes =>
    [
        0, Publish | Will, Publish | Will, Publish | Will, 0, 0, 0, 0, // 00: -, payload format, expiry, content type
        Publish | Will, Publish | Will, 0, Publish | Subscribe, 0, 0, 0, 0, // 08: response topic, correlation, -, subscription id
        0, Connect | ConnAck | Disconnect, ConnAck, ConnAck, // 10: -, session expiry, assigned id, keep alive
        0, Connect | ConnAck | Auth, Connect | ConnAck | Auth, Connect, // 14: -, auth method, auth data, problem information
        Will, Connect, ConnAck, 0, ConnAck | Disconnect, 0, 0, // 18: will delay, response information x 2, -, server reference
        ConnAck | Acks | Disconnect | Auth, // 1F: reason string
        0, Connect | ConnAck, Connect | ConnAck, Publish, // 20: -, receive maximum, alias maximum, alias
        ConnAck, ConnAck, All, Connect | ConnAck, // 24: maximum QoS, retain, user property, maximum packet size
        ConnAck, ConnAck, ConnAck, // 28: wildcard, subscription id, shared
    ];

    private static ReadOnlySpan<byte> Kinds =>
    [
        0, (byte)PropertyKind.Byte, (byte)PropertyKind.UInt32, (byte)PropertyKind.Utf8, 0, 0, 0, 0,
        (byte)PropertyKind.Utf8, (byte)PropertyKind.Binary, 0, (byte)PropertyKind.VariableByteInteger, 0, 0, 0, 0,
        0, (byte)PropertyKind.UInt32, (byte)PropertyKind.Utf8, (byte)PropertyKind.UInt16,
        0, (byte)PropertyKind.Utf8, (byte)PropertyKind.Binary, (byte)PropertyKind.Byte,
        (byte)PropertyKind.UInt32, (byte)PropertyKind.Byte, (byte)PropertyKind.Utf8, 0, (byte)PropertyKind.Utf8, 0, 0,
        (byte)PropertyKind.Utf8,
        0, (byte)PropertyKind.UInt16, (byte)PropertyKind.UInt16, (byte)PropertyKind.UInt16,
        (byte)PropertyKind.Byte, (byte)PropertyKind.Byte, (byte)PropertyKind.Utf8Pair, (byte)PropertyKind.UInt32,
        (byte)PropertyKind.Byte, (byte)PropertyKind.Byte, (byte)PropertyKind.Byte,
    ];

    internal static PropertyKind Kind(byte id) => id <= Last ? (PropertyKind)Kinds[id] : PropertyKind.Unknown;

    internal static bool IsAllowed(PropertyId id, PropertyScope scope) =>
        (byte)id <= Last && (Scopes[(byte)id] & (1 << (int)scope)) != 0;

    /// <summary>User Property anywhere; Subscription Identifier where a server says which subscriptions matched.</summary>
    internal static bool MayRepeat(PropertyId id, PropertyScope scope) =>
        id == PropertyId.UserProperty || (id == PropertyId.SubscriptionIdentifier && scope == PropertyScope.Publish);

    /// <summary>Checks a value's range; the type has been right already.</summary>
    internal static Violation CheckValue(in Property property)
    {
        switch (property.Id)
        {
            case PropertyId.TopicAlias when property.Number == 0: // [MQTT-3.3.2-8]
                return new Violation(ReasonCode.TopicAliasInvalid, "Topic Alias is 0");
            case PropertyId.ReceiveMaximum when property.Number == 0:
                return Violation.Protocol("Receive Maximum is 0");
            case PropertyId.MaximumPacketSize when property.Number == 0:
                return Violation.Protocol("Maximum Packet Size is 0");
            case PropertyId.SubscriptionIdentifier when property.Number == 0:
                return Violation.Protocol("Subscription Identifier is 0");
            case PropertyId.ResponseTopic when !TopicName.IsValid(property.Text): // [MQTT-3.3.2-14]
                return Violation.Protocol("Response Topic is not a topic name");
            default:
                return Kind((byte)property.Id) == PropertyKind.Byte && property.Number > 1
                    ? Violation.Protocol("Property value is neither 0 nor 1")
                    : default;
        }
    }
}
