namespace Whimbrel.Protocol;

/// <summary>The first byte's rules and the fixed header's encoding.</summary>
internal static class FixedHeader
{
    /// <summary>
    /// Checks the reserved flags of a first byte [MQTT-2.1.3-1] [MQTT-3.3.1-4]. PUBREL, SUBSCRIBE and UNSUBSCRIBE may carry
    /// the DUP bit in MQTT 3.1, and the version is not known here: their packets check it by <see cref="IsRequest"/>.
    /// </summary>
    internal static bool IsAcceptable(byte first, out Violation violation)
    {
        int flags = first & 0x0F;
        switch ((PacketType)(first >> 4))
        {
            case 0:
                violation = Violation.Malformed("Packet type 0 is reserved");
                return false;
            case PacketType.Publish when (flags & 0x06) == 0x06:
                violation = Violation.Malformed("PUBLISH has QoS 3");
                return false;
            case PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe when (flags & 0x07) != 0x02:
            case not (PacketType.Publish or PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe) when flags != 0:
                violation = Violation.Malformed("Reserved flags of the fixed header are set wrongly");
                return false;
            default:
                violation = default;
                return true;
        }
    }

    /// <summary>
    /// True if the flags are those of PUBREL, SUBSCRIBE or UNSUBSCRIBE in <paramref name="version"/>: 0010, and in MQTT 3.1,
    /// whose packets of QoS 1 are sent again with DUP, 1010 too [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1].
    /// </summary>
    internal static bool IsRequest(in Frame frame, PacketType type, ProtocolVersion version, out Violation violation)
    {
        violation = default;
        if (frame.Type == type && (frame.Flags == 0x02 || (version == ProtocolVersion.Mqtt31 && frame.Flags == 0x0A)))
        {
            return true;
        }

        violation = Violation.Malformed("Reserved flags of the fixed header are set wrongly");
        return false;
    }

    /// <summary>True if the frame is of <paramref name="type"/>: a caller's dispatch gone wrong must not become a parse.</summary>
    internal static bool IsOf(in Frame frame, PacketType type, out Violation violation)
    {
        violation = frame.Type == type ? default : Violation.Malformed("Packet is of another type");
        return frame.Type == type;
    }

    internal static int Measure(int remaining) => 1 + PacketWriter.VariableByteIntegerLength((uint)remaining) + remaining;

    internal static void Write(ref PacketWriter writer, PacketType type, int flags, int remaining)
    {
        writer.WriteByte((byte)(((int)type << 4) | flags));
        writer.WriteVariableByteInteger((uint)remaining);
    }
}
