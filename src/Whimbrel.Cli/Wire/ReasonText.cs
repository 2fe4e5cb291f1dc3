using System.Globalization;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

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

    /// <summary>The reason of a CONNACK with what the server adds.</summary>
    public static string Describe(ProtocolVersion version, ReasonCode reason, byte code, ReadOnlySpan<byte> reasonString)
    {
        string what = version == ProtocolVersion.Mqtt50 ? Describe(reason) : $"{ReasonCodes.Name(reason)} (return code {code})";
        return reasonString.IsEmpty ? what : $"{what}: {Escaped.Text(reasonString)}";
    }

    /// <summary>Whether a failure means that the server did not want it, and not that something went wrong.</summary>
    public static bool IsRefusal(ReasonCode reason) => reason is
        ReasonCode.NotAuthorized or ReasonCode.Banned or ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod
        or ReasonCode.ClientIdentifierNotValid or ReasonCode.TopicFilterInvalid or ReasonCode.TopicNameInvalid or ReasonCode.PacketTooLarge
        or ReasonCode.MessageRateTooHigh or ReasonCode.QuotaExceeded or ReasonCode.AdministrativeAction or ReasonCode.PayloadFormatInvalid
        or ReasonCode.RetainNotSupported or ReasonCode.QoSNotSupported or ReasonCode.UseAnotherServer or ReasonCode.ServerMoved
        or ReasonCode.SharedSubscriptionsNotSupported or ReasonCode.ConnectionRateExceeded
        or ReasonCode.SubscriptionIdentifiersNotSupported or ReasonCode.WildcardSubscriptionsNotSupported;
}

/// <summary>Bytes of the peer, fit for a terminal: control characters are escaped.</summary>
internal static class Escaped
{
    private const int LengthMax = 1000;

    public static string Text(ReadOnlySpan<byte> utf8)
    {
        var text = new StringBuilder();
        foreach (var rune in Encoding.UTF8.GetString(utf8[..Math.Min(utf8.Length, LengthMax)]).EnumerateRunes())
        {
            if (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format)
                text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            else
                text.Append(rune.ToString());
        }

        return text.ToString();
    }
}
