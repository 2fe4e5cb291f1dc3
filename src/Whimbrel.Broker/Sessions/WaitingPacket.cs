namespace Whimbrel.Broker;

/// <summary>A packet whose permission is being asked for; everything behind it on its connection waits.</summary>
/// <param name="permission">The question that is outstanding.</param>
internal sealed class WaitingPacket(Pending<Verdict> permission)
{
    public Pending<Verdict> Permission => permission;

    /// <summary>For PUBLISH: the message.</summary>
    public Message? Publish { get; init; }

    public ushort PacketId { get; init; }

    /// <summary>For SUBSCRIBE: the packet's body.</summary>
    public byte[]? Subscribe { get; init; }

    /// <summary>For SUBSCRIBE: the answers so far; the question is about the filter after them.</summary>
    public List<byte> Codes { get; init; } = [];
}
