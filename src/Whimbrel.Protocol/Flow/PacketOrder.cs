namespace Whimbrel.Protocol.Flow;

/// <summary>How far a connection has come.</summary>
public enum ConnectionPhase : byte
{
    /// <summary>The network connection stands; CONNECT is the only legal packet [MQTT-3.1.0-1].</summary>
    AwaitingConnect,

    /// <summary>CONNECT named an authentication method and CONNACK is outstanding: only AUTH and DISCONNECT are legal [MQTT-3.1.2-30].</summary>
    Authenticating,

    /// <summary>CONNACK with success has been sent.</summary>
    Connected,
}

/// <summary>Which packet is legal when. Pure table; the packet's own rules are its parser's.</summary>
public static class PacketOrder
{
    /// <summary>What a server says to a packet from a client.</summary>
    public static Violation CheckFromClient(ConnectionPhase phase, PacketType type, ProtocolVersion version) => (phase, type) switch
    {
        (_, PacketType.ConnAck or PacketType.SubAck or PacketType.UnsubAck or PacketType.PingResp) =>
            new Violation(ReasonCode.ProtocolError, "a packet that only servers send"),
        (ConnectionPhase.AwaitingConnect, not PacketType.Connect) => new Violation(ReasonCode.ProtocolError, "the first packet was not CONNECT"),
        (ConnectionPhase.AwaitingConnect, _) => default,
        (_, PacketType.Connect) => new Violation(ReasonCode.ProtocolError, "a second CONNECT"),
        (ConnectionPhase.Authenticating, not (PacketType.Auth or PacketType.Disconnect)) =>
            new Violation(ReasonCode.ProtocolError, "a packet other than AUTH or DISCONNECT before CONNACK"),
        (_, PacketType.Auth) when version != ProtocolVersion.Mqtt50 => new Violation(ReasonCode.MalformedPacket, "packet type 15 is reserved before MQTT 5.0"),
        _ => default,
    };
}
