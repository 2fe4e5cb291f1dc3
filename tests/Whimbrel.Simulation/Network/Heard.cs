using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>One packet of a client as the broker took it from the wire, in plain values. Only the members of its type are set.</summary>
internal sealed record Heard(PacketType Type)
{
    public ProtocolVersion Version { get; private init; }

    public string ClientId { get; private init; } = "";

    public bool CleanStart { get; private init; }

    public uint? ExpirySeconds { get; private init; }

    public int ReceiveMaximum { get; private init; }

    public uint PacketSizeMax { get; private init; }

    public ushort KeepAliveSeconds { get; private init; }

    public Publication? Will { get; private init; }

    public uint WillDelaySeconds { get; private init; }

    public ushort PacketId { get; private init; }

    public ReasonCode Reason { get; private init; }

    public Publication? Publication { get; private init; }

    public bool Duplicate { get; private init; }

    public uint? MessageExpirySeconds { get; private init; }

    public IReadOnlyList<(string Filter, SubscriptionOptions Options)> Filters { get; private init; } = [];

    public uint SubscriptionId { get; private init; }

    public static Heard From(in Frame frame, ProtocolVersion version, string publisher)
    {
        Violation violation = default;
        switch (frame.Type)
        {
            case PacketType.Connect when ConnectPacket.TryParse(frame, out ConnectPacket p, out violation):
                return new Heard(frame.Type)
                {
                    Version = p.Version,
                    ClientId = Text(p.ClientId),
                    CleanStart = p.CleanStart,
                    ExpirySeconds = p.SessionExpirySeconds,
                    ReceiveMaximum = p.ReceiveMaximum ?? ushort.MaxValue,
                    PacketSizeMax = p.MaximumPacketSize ?? uint.MaxValue,
                    KeepAliveSeconds = p.KeepAliveSeconds,
                    Will = p.HasWill ? Publication.Of(Text(p.WillTopic), Text(p.WillPayload), p.WillQoS, p.WillRetain, Text(p.ClientId)) with { IsWill = true } : null,
                    WillDelaySeconds = p.WillDelaySeconds,
                };
            case PacketType.Publish when PublishPacket.TryParse(frame, version, out PublishPacket p, out violation):
                return new Heard(frame.Type)
                {
                    PacketId = p.PacketId,
                    Duplicate = p.Duplicate,
                    MessageExpirySeconds = p.HasMessageExpiry ? p.MessageExpirySeconds : null,
                    Publication = Publication.Of(Text(p.Topic), Text(p.Payload), p.QoS, p.Retain, publisher),
                };
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp
                when AckPacket.TryParse(frame, version, out AckPacket p, out violation):
                return new Heard(frame.Type) { PacketId = p.PacketId, Reason = p.Reason };
            case PacketType.Subscribe when SubscribePacket.TryParse(frame, version, out SubscribePacket p, out violation):
                var filters = new List<(string, SubscriptionOptions)>();
                foreach (SubscriptionRequest request in p.Filters)
                    filters.Add((Text(request.Filter), request.Options));
                return new Heard(frame.Type) { PacketId = p.PacketId, Filters = filters, SubscriptionId = p.SubscriptionIdentifier };
            case PacketType.Unsubscribe when UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket p, out violation):
                var gone = new List<(string, SubscriptionOptions)>();
                foreach (ReadOnlySpan<byte> filter in p.Filters)
                    gone.Add((Text(filter), default));
                return new Heard(frame.Type) { PacketId = p.PacketId, Filters = gone };
            case PacketType.PingReq:
                return new Heard(frame.Type);
            case PacketType.Disconnect when DisconnectPacket.TryParse(frame, version, out DisconnectPacket p, out violation):
                return new Heard(frame.Type) { Reason = p.Reason, ExpirySeconds = p.SessionExpirySeconds };
            default:
                throw new InvalidOperationException($"a simulated client sent a {frame.Type} that does not parse: {violation.Detail}");
        }
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
