using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Tests;

/// <summary>One packet that a test client received, in plain values. Only the members of its type are set.</summary>
internal sealed record Seen(PacketType Type)
{
    public ReasonCode Reason { get; private init; }

    public ConnectReturnCode ReturnCode { get; private init; }

    public bool SessionPresent { get; private init; }

    public ushort PacketId { get; private init; }

    public string Topic { get; private init; } = "";

    public string Payload { get; private init; } = "";

    public QoS QoS { get; private init; }

    public bool Retain { get; private init; }

    public bool Duplicate { get; private init; }

    public ushort TopicAlias { get; private init; }

    public uint? MessageExpirySeconds { get; private init; }

    public uint[] SubscriptionIds { get; private init; } = [];

    /// <summary>SUBACK's and UNSUBACK's codes.</summary>
    public byte[] Codes { get; private init; } = [];

    public byte[] Properties { get; private init; } = [];

    /// <summary>CONNACK's user properties.</summary>
    public IReadOnlyList<(string Name, string Value)> UserProperties { get; private init; } = [];

    public string AssignedClientId { get; private init; } = "";

    public string ReasonString { get; private init; } = "";

    public string ResponseInformation { get; private init; } = "";

    public string AuthenticationMethod { get; private init; } = "";

    public byte[] AuthenticationData { get; private init; } = [];

    public uint? SessionExpirySeconds { get; private init; }

    public ushort? ServerKeepAliveSeconds { get; private init; }

    public ushort? ReceiveMaximum { get; private init; }

    public uint? MaximumPacketSize { get; private init; }

    public ushort? TopicAliasMaximum { get; private init; }

    public QoS? MaximumQoS { get; private init; }

    public bool? RetainAvailable { get; private init; }

    public bool? WildcardAvailable { get; private init; }

    public bool? SharedAvailable { get; private init; }

    public bool? SubscriptionIdsAvailable { get; private init; }

    public int Length { get; private init; }

    public static Seen From(in Frame frame, ProtocolVersion version)
    {
        Violation violation = default;
        switch (frame.Type)
        {
            case PacketType.ConnAck when ConnAckPacket.TryParse(frame, version, out ConnAckPacket p, out violation):
                return new Seen(frame.Type)
                {
                    Length = frame.Length,
                    Reason = p.Reason,
                    ReturnCode = p.ReturnCode,
                    SessionPresent = p.SessionPresent,
                    AssignedClientId = Text(p.AssignedClientId),
                    ReasonString = Text(p.ReasonString),
                    ResponseInformation = Text(p.ResponseInformation),
                    AuthenticationMethod = Text(p.AuthenticationMethod),
                    AuthenticationData = p.AuthenticationData.ToArray(),
                    SessionExpirySeconds = p.SessionExpirySeconds,
                    ServerKeepAliveSeconds = p.ServerKeepAliveSeconds,
                    ReceiveMaximum = p.ReceiveMaximum,
                    MaximumPacketSize = p.MaximumPacketSize,
                    TopicAliasMaximum = p.TopicAliasMaximum,
                    MaximumQoS = p.MaximumQoS,
                    RetainAvailable = p.RetainAvailable,
                    WildcardAvailable = p.WildcardSubscriptionAvailable,
                    SharedAvailable = p.SharedSubscriptionAvailable,
                    SubscriptionIdsAvailable = p.SubscriptionIdentifiersAvailable,
                    UserProperties = PairsOf(p.UserPropertyBlock),
                };
            case PacketType.Publish when PublishPacket.TryParse(frame, version, out PublishPacket p, out violation):
                var ids = new List<uint>();
                foreach (uint id in p.SubscriptionIds)
                    ids.Add(id);
                byte[] forwardable = new byte[p.MeasureForwardable()];
                p.WriteForwardable(forwardable);
                return new Seen(frame.Type)
                {
                    Length = frame.Length,
                    PacketId = p.PacketId,
                    Topic = Text(p.Topic),
                    Payload = Text(p.Payload),
                    QoS = p.QoS,
                    Retain = p.Retain,
                    Duplicate = p.Duplicate,
                    TopicAlias = p.TopicAlias,
                    MessageExpirySeconds = p.HasMessageExpiry ? p.MessageExpirySeconds : null,
                    SubscriptionIds = [.. ids],
                    Properties = forwardable,
                };
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp
                when AckPacket.TryParse(frame, version, out AckPacket p, out violation):
                return new Seen(frame.Type) { Length = frame.Length, PacketId = p.PacketId, Reason = p.Reason, ReasonString = Text(p.ReasonString) };
            case PacketType.SubAck when SubAckPacket.TryParse(frame, version, out SubAckPacket p, out violation):
                return new Seen(frame.Type) { Length = frame.Length, PacketId = p.PacketId, Codes = p.ReasonCodes.ToArray() };
            case PacketType.UnsubAck when UnsubAckPacket.TryParse(frame, version, out UnsubAckPacket p, out violation):
                return new Seen(frame.Type) { Length = frame.Length, PacketId = p.PacketId, Codes = p.ReasonCodes.ToArray() };
            case PacketType.PingResp:
                return new Seen(frame.Type) { Length = frame.Length };
            case PacketType.Disconnect when DisconnectPacket.TryParse(frame, version, out DisconnectPacket p, out violation):
                return new Seen(frame.Type) { Length = frame.Length, Reason = p.Reason, ReasonString = Text(p.ReasonString), SessionExpirySeconds = p.SessionExpirySeconds };
            case PacketType.Auth when AuthPacket.TryParse(frame, version, out AuthPacket p, out violation):
                return new Seen(frame.Type)
                {
                    Length = frame.Length,
                    Reason = p.Reason,
                    AuthenticationMethod = Text(p.AuthenticationMethod),
                    AuthenticationData = p.AuthenticationData.ToArray(),
                };
            default:
                Assert.Fail($"the broker sent a {frame.Type} that does not parse: {violation.Reason} {violation.Detail}");
                throw new InvalidOperationException();
        }
    }

    private static List<(string Name, string Value)> PairsOf(ReadOnlySpan<byte> block)
    {
        var pairs = new List<(string, string)>();
        foreach (UserProperty property in new UserProperties(block))
            pairs.Add((Text(property.Name), Text(property.Value)));
        return pairs;
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
