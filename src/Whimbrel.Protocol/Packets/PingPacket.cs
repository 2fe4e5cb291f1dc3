namespace Whimbrel.Protocol;

/// <summary>PINGREQ and PINGRESP: two bytes each, the same in all versions.</summary>
public readonly ref struct PingPacket(PacketType type) : IPacket
{
    /// <summary>The whole PINGREQ.</summary>
    public static ReadOnlySpan<byte> Request => [0xC0, 0x00];

    /// <summary>The whole PINGRESP.</summary>
    public static ReadOnlySpan<byte> Response => [0xD0, 0x00];

    /// <summary>Which of the two.</summary>
    public PacketType Type { get; } = type;

    public static bool TryParse(in Frame frame, ProtocolVersion version, out PingPacket packet, out Violation violation)
    {
        packet = new PingPacket(frame.Type);
        if (frame.Type is not (PacketType.PingReq or PacketType.PingResp))
        {
            violation = Violation.Malformed("Packet is of another type");
            return false;
        }

        violation = frame.Body.IsEmpty ? default : Violation.Malformed("PINGREQ or PINGRESP has a body");
        return violation.IsNone;
    }

    /// <summary>Bytes of the whole packet.</summary>
    public int Measure(ProtocolVersion version) => Bytes.Length;

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public int Write(Span<byte> destination, ProtocolVersion version)
    {
        Bytes.CopyTo(destination);
        return Bytes.Length;
    }

    private ReadOnlySpan<byte> Bytes => Type == PacketType.PingReq ? Request : Response;
}
