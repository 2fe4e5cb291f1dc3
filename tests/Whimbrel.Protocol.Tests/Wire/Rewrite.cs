namespace Whimbrel.Protocol.Tests;

/// <summary>Parses a packet, writes it again from what was parsed, and tells what both say.</summary>
internal static class Rewrite
{
    /// <summary>
    /// The packet written again, or null if it was refused. Holds that Measure and Write agree and that nothing is lost.
    /// </summary>
    internal static byte[]? Of(in Frame frame, ProtocolVersion version)
    {
        switch (frame.Type)
        {
            case PacketType.Connect:
                return ConnectPacket.TryParse(frame, out ConnectPacket connect, out _)
                    ? Same(Describe.Of(connect), Wire.Write(connect, connect.Version), version)
                    : null;
            case PacketType.Publish:
                return Publish(frame, version);
            case PacketType.PingReq or PacketType.PingResp:
                return PingPacket.TryParse(frame, version, out PingPacket ping, out _)
                    ? Same($"{ping.Type}", Wire.Write(ping, version), version)
                    : null;
            case PacketType.ConnAck:
                return ConnAckPacket.TryParse(frame, version, out ConnAckPacket connAck, out _)
                    ? Same(Describe.Of(connAck), Wire.Write(connAck, version), version)
                    : null;
            case PacketType.Subscribe:
                return SubscribePacket.TryParse(frame, version, out SubscribePacket subscribe, out _)
                    ? Same(Describe.Of(subscribe), Wire.Write(subscribe, version), version)
                    : null;
            case PacketType.SubAck:
                return SubAckPacket.TryParse(frame, version, out SubAckPacket subAck, out _)
                    ? Same(Describe.Of(subAck), Wire.Write(subAck, version), version)
                    : null;
            case PacketType.Unsubscribe:
                return UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket unsubscribe, out _)
                    ? Same(Describe.Of(unsubscribe), Wire.Write(unsubscribe, version), version)
                    : null;
            case PacketType.UnsubAck:
                return UnsubAckPacket.TryParse(frame, version, out UnsubAckPacket unsubAck, out _)
                    ? Same(Describe.Of(unsubAck), Wire.Write(unsubAck, version), version)
                    : null;
            case PacketType.Disconnect:
                return DisconnectPacket.TryParse(frame, version, out DisconnectPacket disconnect, out _)
                    ? Same(Describe.Of(disconnect), Wire.Write(disconnect, version), version)
                    : null;
            case PacketType.Auth:
                return AuthPacket.TryParse(frame, version, out AuthPacket auth, out _)
                    ? Same(Describe.Of(auth), Wire.Write(auth, version), version)
                    : null;
            default:
                return AckPacket.TryParse(frame, version, out AckPacket ack, out _)
                    ? Same(Describe.Of(ack), Wire.Write(ack, version), version)
                    : null;
        }
    }

    private static byte[] Same(string before, byte[] packet, ProtocolVersion version)
    {
        Assert.Equal(before, Said.By(packet, version));
        return packet;
    }

    private static byte[]? Publish(in Frame frame, ProtocolVersion version)
    {
        if (!PublishPacket.TryParse(frame, version, out PublishPacket read, out _))
        {
            return null;
        }

        string before = Describe.Of(read);
        var ids = new List<uint>();
        foreach (uint id in read.SubscriptionIds)
        {
            ids.Add(id);
        }

        Assert.Equal(read.SubscriptionIdCount, ids.Count);
        byte[] kept = new byte[read.MeasureForwardable()];
        Assert.Equal(kept.Length, read.WriteForwardable(kept));
        var written = new PublishPacket
        {
            Duplicate = read.Duplicate,
            QoS = read.QoS,
            Retain = read.Retain,
            PacketId = read.PacketId,
            Topic = read.Topic,
            TopicAlias = read.TopicAlias,
            HasMessageExpiry = read.HasMessageExpiry,
            MessageExpirySeconds = read.MessageExpirySeconds,
            SubscriptionIdentifiers = ids.ToArray(),
            PropertyBlock = kept,
            Payload = read.Payload,
        };
        Assert.Equal(before, Describe.Of(written));
        return Same(before, Wire.Write(written, version), version);
    }
}
