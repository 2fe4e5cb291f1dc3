using System.Text;

namespace Whimbrel.Protocol.Tests;

/// <summary>
/// Everything that a packet says, as text: ref structs have no equality, and two packets that say the same are equal here.
/// Property blocks are told by what a packet keeps of them.
/// </summary>
internal static class Describe
{
    internal static string Of(scoped in ConnectPacket p)
    {
        var text = new StringBuilder();
        text.Append($"{p.Version} {p.IsBridge} {p.CleanStart} {p.KeepAliveSeconds} id={Hex(p.ClientId)}");
        text.Append($" user={p.HasUserName}:{Hex(p.UserName)} password={p.HasPassword}:{Hex(p.Password)}");
        text.Append($" will={p.HasWill} {p.WillQoS} {p.WillRetain} {Hex(p.WillTopic)} {Hex(p.WillPayload)}");
        text.Append($" {p.WillDelaySeconds} {p.WillMessageExpirySeconds} {Forwardable(p.WillProperties)}");
        text.Append($" {p.SessionExpirySeconds} {p.ReceiveMaximum} {p.MaximumPacketSize} {p.TopicAliasMaximum}");
        text.Append($" {p.RequestResponseInformation} {p.RequestProblemInformation}");
        text.Append($" {p.HasAuthenticationMethod}:{Hex(p.AuthenticationMethod)} {p.HasAuthenticationData}:{Hex(p.AuthenticationData)}");
        return text.Append(Users(p.UserPropertyBlock)).ToString();
    }

    internal static string Of(scoped in ConnAckPacket p)
    {
        var text = new StringBuilder();
        text.Append($"{p.SessionPresent} {p.Reason} {p.ReturnCode} {p.SessionExpirySeconds} {p.ReceiveMaximum} {p.MaximumQoS}");
        text.Append($" {p.RetainAvailable} {p.MaximumPacketSize} {Hex(p.AssignedClientId)} {p.TopicAliasMaximum}");
        text.Append($" {Hex(p.ReasonString)} {p.WildcardSubscriptionAvailable} {p.SubscriptionIdentifiersAvailable}");
        text.Append($" {p.SharedSubscriptionAvailable} {p.ServerKeepAliveSeconds} {Hex(p.ResponseInformation)}");
        text.Append($" {Hex(p.ServerReference)} {p.HasAuthenticationMethod}:{Hex(p.AuthenticationMethod)}");
        text.Append($" {p.HasAuthenticationData}:{Hex(p.AuthenticationData)}");
        return text.Append(Users(p.UserPropertyBlock)).ToString();
    }

    /// <summary>Subscription identifiers are those to write, or those that were read.</summary>
    internal static string Of(scoped in PublishPacket p)
    {
        var text = new StringBuilder();
        text.Append($"{p.Duplicate} {p.QoS} {p.Retain} {p.PacketId} {Hex(p.Topic)} alias={p.TopicAlias}");
        text.Append($" expiry={p.HasMessageExpiry}:{p.MessageExpirySeconds} {Forwardable(p.PropertyBlock)} ids=");
        foreach (uint id in p.SubscriptionIds)
        {
            text.Append($"{id},");
        }

        foreach (uint id in p.SubscriptionIdentifiers)
        {
            text.Append($"{id},");
        }

        return text.Append($" payload={Hex(p.Payload)}").ToString();
    }

    internal static string Of(scoped in AckPacket p) =>
        $"{p.Type} {p.PacketId} {p.Reason} {Hex(p.ReasonString)}{Users(p.UserPropertyBlock)}";

    internal static string Of(scoped in SubscribePacket p)
    {
        var text = new StringBuilder($"{p.PacketId} {p.SubscriptionIdentifier}{Users(p.UserPropertyBlock)}");
        foreach (SubscriptionRequest request in p.Filters)
        {
            text.Append($" {Hex(request.Filter)}:{request.Options}");
        }

        return text.ToString();
    }

    internal static string Of(scoped in SubAckPacket p) =>
        $"{p.PacketId} {Hex(p.ReasonCodes)} {Hex(p.ReasonString)}{Users(p.UserPropertyBlock)}";

    internal static string Of(scoped in UnsubscribePacket p)
    {
        var text = new StringBuilder($"{p.PacketId}{Users(p.UserPropertyBlock)}");
        foreach (ReadOnlySpan<byte> filter in p.Filters)
        {
            text.Append($" {Hex(filter)}");
        }

        return text.ToString();
    }

    internal static string Of(scoped in UnsubAckPacket p) =>
        $"{p.PacketId} {Hex(p.ReasonCodes)} {Hex(p.ReasonString)}{Users(p.UserPropertyBlock)}";

    internal static string Of(scoped in DisconnectPacket p) =>
        $"{p.Reason} {p.SessionExpirySeconds} {Hex(p.ReasonString)} {Hex(p.ServerReference)}{Users(p.UserPropertyBlock)}";

    internal static string Of(scoped in AuthPacket p) =>
        $"{p.Reason} {p.HasAuthenticationMethod}:{Hex(p.AuthenticationMethod)} {p.HasAuthenticationData}:"
        + $"{Hex(p.AuthenticationData)} {Hex(p.ReasonString)}{Users(p.UserPropertyBlock)}";

    internal static string Users(ReadOnlySpan<byte> block)
    {
        var text = new StringBuilder();
        foreach ((ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) in new UserProperties(block))
        {
            text.Append($" {Hex(name)}={Hex(value)}");
        }

        return text.ToString();
    }

    private static string Forwardable(ReadOnlySpan<byte> block)
    {
        byte[] kept = new byte[ForwardableProperties.Measure(block)];
        Assert.Equal(kept.Length, ForwardableProperties.Write(block, kept));
        return Hex(kept);
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);
}
