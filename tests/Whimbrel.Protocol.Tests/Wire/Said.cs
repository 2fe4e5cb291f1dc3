namespace Whimbrel.Protocol.Tests;

/// <summary>Parses a packet and tells what it says.</summary>
internal static class Said
{
    internal static string By(ReadOnlySpan<byte> bytes, ProtocolVersion version)
    {
        Frame frame = Wire.Cut(bytes);
        Violation violation;
        switch (frame.Type)
        {
            case PacketType.Connect:
                Assert.True(ConnectPacket.TryParse(frame, out ConnectPacket connect, out violation), $"{violation}");
                return Describe.Of(connect);
            case PacketType.ConnAck:
                Assert.True(ConnAckPacket.TryParse(frame, version, out ConnAckPacket connAck, out violation), $"{violation}");
                return Describe.Of(connAck);
            case PacketType.Publish:
                Assert.True(PublishPacket.TryParse(frame, version, out PublishPacket publish, out violation), $"{violation}");
                return Describe.Of(publish);
            case PacketType.Subscribe:
                Assert.True(SubscribePacket.TryParse(frame, version, out SubscribePacket subscribe, out violation), $"{violation}");
                return Describe.Of(subscribe);
            case PacketType.SubAck:
                Assert.True(SubAckPacket.TryParse(frame, version, out SubAckPacket subAck, out violation), $"{violation}");
                return Describe.Of(subAck);
            case PacketType.Unsubscribe:
                Assert.True(UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket unsubscribe, out violation), $"{violation}");
                return Describe.Of(unsubscribe);
            case PacketType.UnsubAck:
                Assert.True(UnsubAckPacket.TryParse(frame, version, out UnsubAckPacket unsubAck, out violation), $"{violation}");
                return Describe.Of(unsubAck);
            case PacketType.PingReq or PacketType.PingResp:
                Assert.True(PingPacket.TryParse(frame, version, out PingPacket ping, out violation), $"{violation}");
                return $"{ping.Type}";
            case PacketType.Disconnect:
                Assert.True(DisconnectPacket.TryParse(frame, version, out DisconnectPacket disconnect, out violation), $"{violation}");
                return Describe.Of(disconnect);
            case PacketType.Auth:
                Assert.True(AuthPacket.TryParse(frame, version, out AuthPacket auth, out violation), $"{violation}");
                return Describe.Of(auth);
            default:
                Assert.True(AckPacket.TryParse(frame, version, out AckPacket ack, out violation), $"{violation}");
                return Describe.Of(ack);
        }
    }
}
