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
    private const int Will = 1 << (int)PropertyScope.Will;
    private const int Connect = 1 << (int)PropertyScope.Connect;
    private const int ConnAck = 1 << (int)PropertyScope.ConnAck;
    private const int Publish = 1 << (int)PropertyScope.Publish;
    private const int Subscribe = 1 << (int)PropertyScope.Subscribe;
    private const int Disconnect = 1 << (int)PropertyScope.Disconnect;
    private const int Auth = 1 << (int)PropertyScope.Auth;
    private const int Acks = (1 << (int)PropertyScope.PubAck) | (1 << (int)PropertyScope.PubRec)
        | (1 << (int)PropertyScope.PubRel) | (1 << (int)PropertyScope.PubComp)
        | (1 << (int)PropertyScope.SubAck) | (1 << (int)PropertyScope.UnsubAck);

    private const int All = Will | Connect | ConnAck | Publish | Acks | Subscribe
        | (1 << (int)PropertyScope.Unsubscribe) | Disconnect | Auth;

    internal static PropertyKind Kind(PropertyId id) => id switch
    {
        PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation
            or PropertyId.MaximumQoS or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
            or PropertyId.SubscriptionIdentifierAvailable or PropertyId.SharedSubscriptionAvailable => PropertyKind.Byte,
        PropertyId.ServerKeepAlive or PropertyId.ReceiveMaximum or PropertyId.TopicAliasMaximum
            or PropertyId.TopicAlias => PropertyKind.UInt16,
        PropertyId.MessageExpiryInterval or PropertyId.SessionExpiryInterval or PropertyId.WillDelayInterval
            or PropertyId.MaximumPacketSize => PropertyKind.UInt32,
        PropertyId.SubscriptionIdentifier => PropertyKind.VariableByteInteger,
        PropertyId.ContentType or PropertyId.ResponseTopic or PropertyId.AssignedClientIdentifier
            or PropertyId.AuthenticationMethod or PropertyId.ResponseInformation or PropertyId.ServerReference
            or PropertyId.ReasonString => PropertyKind.Utf8,
        PropertyId.CorrelationData or PropertyId.AuthenticationData => PropertyKind.Binary,
        PropertyId.UserProperty => PropertyKind.Utf8Pair,
        _ => PropertyKind.Unknown,
    };

    internal static bool IsAllowed(PropertyId id, PropertyScope scope) => (Scopes(id) & (1 << (int)scope)) != 0;

    private static int Scopes(PropertyId id) => id switch
    {
        PropertyId.PayloadFormatIndicator or PropertyId.MessageExpiryInterval or PropertyId.ContentType
            or PropertyId.ResponseTopic or PropertyId.CorrelationData => Publish | Will,
        PropertyId.SubscriptionIdentifier => Publish | Subscribe,
        PropertyId.TopicAlias => Publish,
        PropertyId.WillDelayInterval => Will,
        PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation => Connect,
        PropertyId.ReceiveMaximum or PropertyId.TopicAliasMaximum or PropertyId.MaximumPacketSize => Connect | ConnAck,
        PropertyId.SessionExpiryInterval => Connect | ConnAck | Disconnect,
        PropertyId.AuthenticationMethod or PropertyId.AuthenticationData => Connect | ConnAck | Auth,
        PropertyId.AssignedClientIdentifier or PropertyId.ServerKeepAlive or PropertyId.ResponseInformation
            or PropertyId.MaximumQoS or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable
            or PropertyId.SubscriptionIdentifierAvailable or PropertyId.SharedSubscriptionAvailable => ConnAck,
        PropertyId.ServerReference => ConnAck | Disconnect,
        PropertyId.ReasonString => ConnAck | Acks | Disconnect | Auth,
        PropertyId.UserProperty => All,
        _ => 0,
    };

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
                return property.Kind == PropertyKind.Byte && property.Number > 1
                    ? Violation.Protocol("Property value is neither 0 nor 1")
                    : default;
        }
    }
}
