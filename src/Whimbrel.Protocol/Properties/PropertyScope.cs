namespace Whimbrel.Protocol;

/// <summary>Where a property block stands: in a packet (same values as <see cref="PacketType"/>) or in a CONNECT's Will.</summary>
public enum PropertyScope : byte
{
    Will = 0,
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect = 14,
    Auth,
}
