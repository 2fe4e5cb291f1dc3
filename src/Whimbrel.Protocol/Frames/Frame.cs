namespace Whimbrel.Protocol;

/// <summary>One whole packet, cut but not yet understood: a view over the receive buffer.</summary>
public readonly ref struct Frame(PacketType type, byte flags, ReadOnlySpan<byte> body, int length)
{
    public PacketType Type { get; } = type;

    /// <summary>The low four bits of the first byte.</summary>
    public byte Flags { get; } = flags;

    /// <summary>Variable header and payload: what the Remaining Length counts.</summary>
    public ReadOnlySpan<byte> Body { get; } = body;

    /// <summary>Bytes of the whole packet, fixed header included.</summary>
    public int Length { get; } = length;
}
