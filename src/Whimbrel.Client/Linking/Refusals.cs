using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Linking;

/// <summary>Which words of a server mean that trying again changes nothing, and which blame what it was sent.</summary>
internal static class Refusals
{
    /// <summary>A CONNACK that every further attempt would get, too.</summary>
    public static bool IsPermanent(ReasonCode reason) => reason is
        ReasonCode.MalformedPacket or ReasonCode.ProtocolError or ReasonCode.UnsupportedProtocolVersion or ReasonCode.ClientIdentifierNotValid
        or ReasonCode.BadUserNameOrPassword or ReasonCode.NotAuthorized or ReasonCode.Banned or ReasonCode.BadAuthenticationMethod
        or ReasonCode.TopicNameInvalid or ReasonCode.PacketTooLarge or ReasonCode.PayloadFormatInvalid or ReasonCode.RetainNotSupported
        or ReasonCode.QoSNotSupported or ReasonCode.UseAnotherServer or ReasonCode.ServerMoved;

    /// <summary>A DISCONNECT after which coming back is wrong: another client has taken our place, or we are not wanted.</summary>
    public static bool IsFinal(ReasonCode reason) => reason is
        ReasonCode.SessionTakenOver or ReasonCode.NotAuthorized or ReasonCode.Banned or ReasonCode.BadAuthenticationMethod
        or ReasonCode.UseAnotherServer or ReasonCode.ServerMoved;

    /// <summary>Whether a DISCONNECT means something that it was sent.</summary>
    public static Blame Blames(ReasonCode reason) => reason switch
    {
        ReasonCode.MalformedPacket or ReasonCode.ProtocolError or ReasonCode.TopicNameInvalid or ReasonCode.TopicAliasInvalid
            or ReasonCode.PacketTooLarge or ReasonCode.PayloadFormatInvalid or ReasonCode.RetainNotSupported or ReasonCode.QoSNotSupported => Blame.Named,
        ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError or ReasonCode.QuotaExceeded => Blame.Possible,
        _ => Blame.None,
    };
}
