namespace Whimbrel.Protocol;

/// <summary>What every packet can do on the writing side, so that one send serves them all.</summary>
public interface IPacket
{
    /// <summary>Bytes of the whole packet, its fixed header included.</summary>
    int Measure(ProtocolVersion version);

    /// <summary>Writes the packet; returns the bytes written, which are what <see cref="Measure"/> said.</summary>
    int Write(Span<byte> destination, ProtocolVersion version);
}
