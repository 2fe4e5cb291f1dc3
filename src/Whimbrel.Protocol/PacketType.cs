namespace Whimbrel.Protocol;

/// <summary>The high four bits of a packet's first byte. 0 is reserved in every version, 15 is AUTH in 5.0 only.</summary>
public enum PacketType : byte
{
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
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}
