using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>One packet that the client sent, in plain values. Only the members of its type are set.</summary>
internal sealed record Heard(PacketType Type)
{
    public ushort PacketId { get; private init; }

    public string Topic { get; private init; } = "";

    public string Payload { get; private init; } = "";

    public bool Duplicate { get; private init; }

    public ushort TopicAlias { get; private init; }

    public ReasonCode Reason { get; private init; }

    public ProtocolVersion Version { get; private init; }

    /// <summary>CONNECT's user name and password.</summary>
    public string Credentials { get; private init; } = "";

    public static Heard From(in Frame frame, ProtocolVersion version)
    {
        Violation violation = default;
        switch (frame.Type)
        {
            case PacketType.Connect when ConnectPacket.TryParse(frame, out ConnectPacket connect, out violation):
                return new Heard(frame.Type)
                {
                    Version = connect.Version,
                    Credentials = $"{Encoding.UTF8.GetString(connect.UserName)} {Encoding.UTF8.GetString(connect.Password)}",
                };
            case PacketType.Publish when PublishPacket.TryParse(frame, version, out PublishPacket publish, out violation):
                return new Heard(frame.Type)
                {
                    PacketId = publish.PacketId,
                    Topic = Encoding.UTF8.GetString(publish.Topic),
                    Payload = Encoding.UTF8.GetString(publish.Payload),
                    Duplicate = publish.Duplicate,
                    TopicAlias = publish.TopicAlias,
                };
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp when AckPacket.TryParse(frame, version, out AckPacket ack, out violation):
                return new Heard(frame.Type) { PacketId = ack.PacketId, Reason = ack.Reason };
            case PacketType.Subscribe when SubscribePacket.TryParse(frame, version, out SubscribePacket subscribe, out violation):
                return new Heard(frame.Type) { PacketId = subscribe.PacketId };
            case PacketType.Unsubscribe when UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket unsubscribe, out violation):
                return new Heard(frame.Type) { PacketId = unsubscribe.PacketId };
            case PacketType.Disconnect when DisconnectPacket.TryParse(frame, version, out DisconnectPacket farewell, out violation):
                return new Heard(frame.Type) { Reason = farewell.Reason };
            case PacketType.PingReq:
                return new Heard(frame.Type);
            default:
                throw new InvalidOperationException($"the client sent a {frame.Type} that does not parse: {violation.Detail}");
        }
    }
}
