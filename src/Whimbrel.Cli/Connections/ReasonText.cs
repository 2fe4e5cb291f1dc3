using Whimbrel.Protocol;

namespace Whimbrel.Cli.Connections;

/// <summary>Codes in words: always the name and the number.</summary>
internal static class ReasonText
{
    public static string Name(ProtocolVersion version) => version switch
    {
        ProtocolVersion.Mqtt31 => "3.1",
        ProtocolVersion.Mqtt311 => "3.1.1",
        _ => "5.0",
    };

    public static string Describe(ReasonCode reason) => $"{ReasonCodes.Name(reason)} (0x{(byte)reason:X2})";

    /// <summary>Whether a failure means that the server did not want it, and not that something went wrong.</summary>
    public static bool IsRefusal(ReasonCode reason) => reason is
        ReasonCode.NotAuthorized or ReasonCode.Banned or ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod
        or ReasonCode.ClientIdentifierNotValid or ReasonCode.TopicFilterInvalid or ReasonCode.TopicNameInvalid or ReasonCode.PacketTooLarge
        or ReasonCode.MessageRateTooHigh or ReasonCode.QuotaExceeded or ReasonCode.AdministrativeAction or ReasonCode.PayloadFormatInvalid
        or ReasonCode.RetainNotSupported or ReasonCode.QoSNotSupported or ReasonCode.UseAnotherServer or ReasonCode.ServerMoved
        or ReasonCode.SharedSubscriptionsNotSupported or ReasonCode.ConnectionRateExceeded
        or ReasonCode.SubscriptionIdentifiersNotSupported or ReasonCode.WildcardSubscriptionsNotSupported;
}
