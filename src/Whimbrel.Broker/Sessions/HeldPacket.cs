using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>A packet that may be sent once the disk has what it says. One of its three kinds is set.</summary>
/// <param name="Position">What must be committed; 0 for a copy whose message is still being routed.</param>
/// <param name="Ack">The type of an acknowledgement, or 0.</param>
/// <param name="Copy">A message in flight, written when it leaves: a topic alias must go out in order. Or null.</param>
/// <param name="Frame">A packet encoded already, or null.</param>
internal readonly record struct HeldPacket(
    long Position, PacketType Ack = 0, ushort PacketId = 0, ReasonCode Reason = ReasonCode.Success, StoredCopy? Copy = null, byte[]? Frame = null);

/// <summary>What waits for the disk on one connection, in the order in which it is to leave.</summary>
internal sealed class HeldPackets
{
    private readonly Queue<HeldPacket> _packets = new();

    /// <summary>Goes before all of them.</summary>
    public HeldConnAck? ConnAck { get; set; }

    public int Count => _packets.Count;

    /// <summary>How many of them are SUBACK or UNSUBACK.</summary>
    public int SubAcks { get; private set; }

    /// <summary>How many of them are PUBLISH.</summary>
    public int Publishes { get; private set; }

    public void Enqueue(in HeldPacket packet)
    {
        _packets.Enqueue(packet);
        Account(packet, 1);
    }

    public HeldPacket Peek() => _packets.Peek();

    public void Dequeue() => Account(_packets.Dequeue(), -1);

    private void Account(in HeldPacket packet, int sign)
    {
        SubAcks += packet.Frame is null ? 0 : sign;
        Publishes += packet.Copy is null ? 0 : sign;
    }
}

/// <summary>A CONNACK that waits for the disk; until it leaves the session sends nothing and its client is not read.</summary>
/// <param name="Position">What it waits for.</param>
/// <param name="Replaced">The session of the client's that must have ended on the disk before, or null.</param>
/// <param name="Frame">CONNACK, encoded.</param>
internal sealed record HeldConnAck(long Position, StoredSession? Replaced, byte[] Frame);
