namespace Whimbrel.Protocol.Tests;

/// <summary>Parses whole packets of any type, as a broker or client would.</summary>
internal static class Wire
{
    internal const ProtocolVersion V31 = ProtocolVersion.Mqtt31;
    internal const ProtocolVersion V311 = ProtocolVersion.Mqtt311;
    internal const ProtocolVersion V5 = ProtocolVersion.Mqtt50;

    internal static readonly ProtocolVersion[] Versions = [V31, V311, V5];

    /// <summary>Cuts the one packet that <paramref name="packet"/> holds.</summary>
    internal static Frame Cut(ReadOnlySpan<byte> packet)
    {
        Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(packet, uint.MaxValue, out Frame frame, out int length, out _));
        Assert.Equal(packet.Length, length);
        return frame;
    }

    /// <summary>What is wrong with the packet; none if nothing is.</summary>
    internal static Violation Judge(string packet, ProtocolVersion version) => Judge(Bytes.Of(packet), version);

    internal static Violation Judge(ReadOnlySpan<byte> packet, ProtocolVersion version)
    {
        FrameStatus status = FrameReader.TryRead(packet, uint.MaxValue, out Frame frame, out int length, out Violation violation);
        if (status == FrameStatus.Malformed)
        {
            Assert.False(violation.IsNone);
            return violation;
        }

        Assert.Equal(FrameStatus.Complete, status);
        Assert.Equal(packet.Length, length);
        bool isParsed = TryParse(frame, version, out violation);
        Assert.Equal(isParsed, violation.IsNone);
        return violation;
    }

    internal static void Accept(string packet, ProtocolVersion version)
    {
        Violation violation = Judge(packet, version);
        Assert.True(violation.IsNone, $"{packet} in {version}: {violation}");
    }

    internal static void Refuse(string packet, ProtocolVersion version, ReasonCode reason)
    {
        Violation violation = Judge(packet, version);
        Assert.False(violation.IsNone, $"{packet} in {version} was accepted");
        Assert.Equal(reason, violation.Reason);
        Assert.NotEmpty(violation.Detail);
    }

    /// <summary>The packet's bytes; Measure and Write must agree.</summary>
    internal static byte[] Write<T>(scoped in T packet, ProtocolVersion version)
        where T : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(version)];
        Assert.Equal(bytes.Length, packet.Write(bytes, version));
        return bytes;
    }

    internal static bool TryParse(in Frame frame, ProtocolVersion version, out Violation violation)
    {
        switch (frame.Type)
        {
            case PacketType.Connect:
                return ConnectPacket.TryParse(frame, out _, out violation);
            case PacketType.ConnAck:
                return ConnAckPacket.TryParse(frame, version, out _, out violation);
            case PacketType.Publish:
                return PublishPacket.TryParse(frame, version, out _, out violation);
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                return AckPacket.TryParse(frame, version, out _, out violation);
            case PacketType.Subscribe:
                return SubscribePacket.TryParse(frame, version, out _, out violation);
            case PacketType.SubAck:
                return SubAckPacket.TryParse(frame, version, out _, out violation);
            case PacketType.Unsubscribe:
                return UnsubscribePacket.TryParse(frame, version, out _, out violation);
            case PacketType.UnsubAck:
                return UnsubAckPacket.TryParse(frame, version, out _, out violation);
            case PacketType.PingReq or PacketType.PingResp:
                return PingPacket.TryParse(frame, version, out _, out violation);
            case PacketType.Disconnect:
                return DisconnectPacket.TryParse(frame, version, out _, out violation);
            default:
                return AuthPacket.TryParse(frame, version, out _, out violation);
        }
    }
}
