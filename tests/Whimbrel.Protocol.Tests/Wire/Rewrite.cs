namespace Whimbrel.Protocol.Tests;

/// <summary>Parses a packet, writes it again from what was parsed, and tells what both say.</summary>
internal static class Rewrite
{
    /// <summary>
    /// The packet written again, or null if it was refused. Holds that Measure and Write agree and that nothing is lost.
    /// </summary>
    internal static byte[]? Of(in Frame frame, ProtocolVersion version)
    {
        string before;
        byte[] packet;
        switch (frame.Type)
        {
            case PacketType.Connect:
            {
                if (!ConnectPacket.TryParse(frame, out ConnectPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(read.Version)];
                Assert.Equal(packet.Length, read.Write(packet, read.Version));
                Assert.True(ConnectPacket.TryParse(Wire.Cut(packet), out ConnectPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            case PacketType.ConnAck:
            {
                if (!ConnAckPacket.TryParse(frame, version, out ConnAckPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(ConnAckPacket.TryParse(Wire.Cut(packet), version, out ConnAckPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            case PacketType.Publish:
                return Publish(frame, version);

            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
            {
                if (!AckPacket.TryParse(frame, version, out AckPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(AckPacket.TryParse(Wire.Cut(packet), version, out AckPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            case PacketType.Subscribe:
            {
                if (!SubscribePacket.TryParse(frame, version, out SubscribePacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(SubscribePacket.TryParse(Wire.Cut(packet), version, out SubscribePacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                Assert.Equal(read.FilterCount, again.FilterCount);
                return packet;
            }

            case PacketType.SubAck:
            {
                if (!SubAckPacket.TryParse(frame, version, out SubAckPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(SubAckPacket.TryParse(Wire.Cut(packet), version, out SubAckPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            case PacketType.Unsubscribe:
            {
                if (!UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(UnsubscribePacket.TryParse(Wire.Cut(packet), version, out UnsubscribePacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                Assert.Equal(read.FilterCount, again.FilterCount);
                return packet;
            }

            case PacketType.UnsubAck:
            {
                if (!UnsubAckPacket.TryParse(frame, version, out UnsubAckPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(UnsubAckPacket.TryParse(Wire.Cut(packet), version, out UnsubAckPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            case PacketType.PingReq or PacketType.PingResp:
            {
                if (!PingPacket.TryParse(frame, version, out PingPacket read, out _))
                {
                    return null;
                }

                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.Equal(frame.Type, Wire.Cut(packet).Type);
                return packet;
            }

            case PacketType.Disconnect:
            {
                if (!DisconnectPacket.TryParse(frame, version, out DisconnectPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(DisconnectPacket.TryParse(Wire.Cut(packet), version, out DisconnectPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }

            default:
            {
                if (!AuthPacket.TryParse(frame, version, out AuthPacket read, out _))
                {
                    return null;
                }

                before = Describe.Of(read);
                packet = new byte[read.Measure(version)];
                Assert.Equal(packet.Length, read.Write(packet, version));
                Assert.True(AuthPacket.TryParse(Wire.Cut(packet), version, out AuthPacket again, out Violation violation), $"{violation}");
                Assert.Equal(before, Describe.Of(again));
                return packet;
            }
        }
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
        byte[] packet = new byte[written.Measure(version)];
        Assert.Equal(packet.Length, written.Write(packet, version));
        Assert.True(PublishPacket.TryParse(Wire.Cut(packet), version, out PublishPacket again, out Violation violation), $"{violation}");
        Assert.Equal(before, Describe.Of(again));
        return packet;
    }
}
