using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>A packet that may be sent once the disk has what it says. One of its three kinds is set.</summary>
/// <param name="Position">What must be committed; 0 for a copy whose message is still being routed.</param>
/// <param name="Ack">The type of an acknowledgement, or 0.</param>
/// <param name="Copy">A message in flight, written when it leaves: a topic alias must go out in order. Or null.</param>
/// <param name="Frame">A packet encoded already, or null.</param>
internal readonly record struct HeldPacket(
    long Position, PacketType Ack = 0, ushort PacketId = 0, ReasonCode Reason = ReasonCode.Success, StoredCopy? Copy = null, byte[]? Frame = null);
