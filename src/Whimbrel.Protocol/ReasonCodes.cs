namespace Whimbrel.Protocol;

/// <summary>What is known about reason codes: failure or not, name, place, and the counterpart in MQTT 3.x.</summary>
public static class ReasonCodes
{
    /// <summary>Codes from 0x80 are failures (5.0 section 2.4).</summary>
    public static bool IsError(ReasonCode code) => (byte)code >= 0x80;

    /// <summary>
    /// What an MQTT 3.x CONNACK says in place of <paramref name="code"/>. Codes without a counterpart become
    /// <see cref="ConnectReturnCode.ServerUnavailable"/>, the one refusal in 3.x that blames neither side's configuration.
    /// </summary>
    public static ConnectReturnCode ToReturnCode(ReasonCode code) => code switch
    {
        ReasonCode.Success => ConnectReturnCode.Accepted,
        ReasonCode.UnsupportedProtocolVersion => ConnectReturnCode.UnacceptableProtocolVersion,
        ReasonCode.ClientIdentifierNotValid => ConnectReturnCode.IdentifierRejected,
        ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod => ConnectReturnCode.BadUserNameOrPassword,
        ReasonCode.NotAuthorized or ReasonCode.Banned => ConnectReturnCode.NotAuthorized,
        _ => ConnectReturnCode.ServerUnavailable,
    };

    /// <summary>The 5.0 reason for a CONNACK return code of 3.x.</summary>
    public static ReasonCode FromReturnCode(ConnectReturnCode code) => code switch
    {
        ConnectReturnCode.Accepted => ReasonCode.Success,
        ConnectReturnCode.UnacceptableProtocolVersion => ReasonCode.UnsupportedProtocolVersion,
        ConnectReturnCode.IdentifierRejected => ReasonCode.ClientIdentifierNotValid,
        ConnectReturnCode.ServerUnavailable => ReasonCode.ServerUnavailable,
        ConnectReturnCode.BadUserNameOrPassword => ReasonCode.BadUserNameOrPassword,
        ConnectReturnCode.NotAuthorized => ReasonCode.NotAuthorized,
        _ => ReasonCode.UnspecifiedError,
    };

    /// <summary>
    /// True if 5.0 lists <paramref name="code"/> for <paramref name="type"/>, in either direction
    /// [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2]
    /// [MQTT-3.14.2-1] [MQTT-3.15.2-1].
    /// </summary>
    public static bool IsAllowed(PacketType type, ReasonCode code) => type switch
    {
        PacketType.ConnAck => code is ReasonCode.Success
            or (>= ReasonCode.UnspecifiedError and <= ReasonCode.Banned)
            or ReasonCode.BadAuthenticationMethod or ReasonCode.TopicNameInvalid or ReasonCode.PacketTooLarge
            or ReasonCode.QuotaExceeded or (>= ReasonCode.PayloadFormatInvalid and <= ReasonCode.ServerMoved)
            or ReasonCode.ConnectionRateExceeded,
        PacketType.PubAck or PacketType.PubRec => code is ReasonCode.Success or ReasonCode.NoMatchingSubscribers
            or ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized
            or ReasonCode.TopicNameInvalid or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded
            or ReasonCode.PayloadFormatInvalid,
        PacketType.PubRel or PacketType.PubComp => code is ReasonCode.Success or ReasonCode.PacketIdentifierNotFound,
        PacketType.SubAck => code is ReasonCode.Success or ReasonCode.GrantedQoS1 or ReasonCode.GrantedQoS2
            or ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized
            or ReasonCode.TopicFilterInvalid or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded
            or ReasonCode.SharedSubscriptionsNotSupported or ReasonCode.SubscriptionIdentifiersNotSupported
            or ReasonCode.WildcardSubscriptionsNotSupported,
        PacketType.UnsubAck => code is ReasonCode.Success or ReasonCode.NoSubscriptionExisted or ReasonCode.UnspecifiedError
            or ReasonCode.ImplementationSpecificError or ReasonCode.NotAuthorized or ReasonCode.TopicFilterInvalid
            or ReasonCode.PacketIdentifierInUse,
        PacketType.Disconnect => code is ReasonCode.Success or ReasonCode.DisconnectWithWillMessage
            or (>= ReasonCode.UnspecifiedError and <= ReasonCode.ImplementationSpecificError)
            or ReasonCode.NotAuthorized or ReasonCode.ServerBusy or ReasonCode.ServerShuttingDown
            or (>= ReasonCode.KeepAliveTimeout and <= ReasonCode.TopicNameInvalid)
            or (>= ReasonCode.ReceiveMaximumExceeded and <= ReasonCode.WildcardSubscriptionsNotSupported),
        PacketType.Auth => code is ReasonCode.Success or ReasonCode.ContinueAuthentication or ReasonCode.ReAuthenticate,
        _ => false,
    };

    /// <summary>The specification's name, for logs and the admin API. Never built from peer bytes.</summary>
    public static string Name(ReasonCode code) => code switch
    {
        ReasonCode.Success => "Success",
        ReasonCode.GrantedQoS1 => "Granted QoS 1",
        ReasonCode.GrantedQoS2 => "Granted QoS 2",
        ReasonCode.DisconnectWithWillMessage => "Disconnect with Will Message",
        ReasonCode.NoMatchingSubscribers => "No matching subscribers",
        ReasonCode.NoSubscriptionExisted => "No subscription existed",
        ReasonCode.ContinueAuthentication => "Continue authentication",
        ReasonCode.ReAuthenticate => "Re-authenticate",
        ReasonCode.UnspecifiedError => "Unspecified error",
        ReasonCode.MalformedPacket => "Malformed Packet",
        ReasonCode.ProtocolError => "Protocol Error",
        ReasonCode.ImplementationSpecificError => "Implementation specific error",
        ReasonCode.UnsupportedProtocolVersion => "Unsupported Protocol Version",
        ReasonCode.ClientIdentifierNotValid => "Client Identifier not valid",
        ReasonCode.BadUserNameOrPassword => "Bad User Name or Password",
        ReasonCode.NotAuthorized => "Not authorized",
        ReasonCode.ServerUnavailable => "Server unavailable",
        ReasonCode.ServerBusy => "Server busy",
        ReasonCode.Banned => "Banned",
        ReasonCode.ServerShuttingDown => "Server shutting down",
        ReasonCode.BadAuthenticationMethod => "Bad authentication method",
        ReasonCode.KeepAliveTimeout => "Keep Alive timeout",
        ReasonCode.SessionTakenOver => "Session taken over",
        ReasonCode.TopicFilterInvalid => "Topic Filter invalid",
        ReasonCode.TopicNameInvalid => "Topic Name invalid",
        ReasonCode.PacketIdentifierInUse => "Packet Identifier in use",
        ReasonCode.PacketIdentifierNotFound => "Packet Identifier not found",
        ReasonCode.ReceiveMaximumExceeded => "Receive Maximum exceeded",
        ReasonCode.TopicAliasInvalid => "Topic Alias invalid",
        ReasonCode.PacketTooLarge => "Packet too large",
        ReasonCode.MessageRateTooHigh => "Message rate too high",
        ReasonCode.QuotaExceeded => "Quota exceeded",
        ReasonCode.AdministrativeAction => "Administrative action",
        ReasonCode.PayloadFormatInvalid => "Payload format invalid",
        ReasonCode.RetainNotSupported => "Retain not supported",
        ReasonCode.QoSNotSupported => "QoS not supported",
        ReasonCode.UseAnotherServer => "Use another server",
        ReasonCode.ServerMoved => "Server moved",
        ReasonCode.SharedSubscriptionsNotSupported => "Shared Subscriptions not supported",
        ReasonCode.ConnectionRateExceeded => "Connection rate exceeded",
        ReasonCode.MaximumConnectTime => "Maximum connect time",
        ReasonCode.SubscriptionIdentifiersNotSupported => "Subscription Identifiers not supported",
        ReasonCode.WildcardSubscriptionsNotSupported => "Wildcard Subscriptions not supported",
        _ => "Unknown reason code",
    };
}
