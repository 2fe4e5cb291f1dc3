using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>Why a connection ended. Every end has one; it shows in the log, in the counters and, in MQTT 5.0, on the wire.</summary>
public enum CloseReason : byte
{
    /// <summary>The client sent DISCONNECT with reason 0x00: its will is discarded.</summary>
    ClientDisconnected,

    /// <summary>The client sent DISCONNECT with another reason, such as 0x04: its will is published.</summary>
    ClientDisconnectedWithWill,

    /// <summary>The peer closed its side without DISCONNECT.</summary>
    PeerClosed,

    /// <summary>The network reported an error, such as a reset.</summary>
    PeerReset,

    /// <summary>No complete CONNECT (and AUTH exchange) within the time allowed for it.</summary>
    ConnectTimeout,

    /// <summary>Nothing was received for one and a half keep-alive intervals [MQTT-3.1.2-22].</summary>
    KeepAliveTimeout,

    /// <summary>The peer broke the protocol; the reason code says how.</summary>
    ProtocolViolation,

    /// <summary>CONNACK refused the connection; the reason code says why.</summary>
    ConnectionRefused,

    /// <summary>Another connection took the session over [MQTT-3.1.4-3].</summary>
    SessionTakenOver,

    /// <summary>The peer did not read what was sent to it for the time allowed.</summary>
    WriteStalled,

    /// <summary>More acknowledgements piled up for a peer that does not read than one link may hold.</summary>
    OutputOverflow,

    /// <summary>An answer that the client is owed, other than PUBLISH, exceeds the Maximum Packet Size that it set [MQTT-3.1.2-24].</summary>
    AnswerTooLarge,

    /// <summary>The broker is stopping.</summary>
    ServerShuttingDown,

    /// <summary>An administrator or the embedding program ended the connection.</summary>
    AdministrativeAction,
}

/// <summary>A close reason with the reason code that goes with it and, for people, what exactly happened.</summary>
/// <param name="Reason">The named reason.</param>
/// <param name="Code">What MQTT 5.0 says on the wire for it.</param>
/// <param name="Detail">A constant phrase; never bytes of the peer.</param>
public sealed record CloseCause(CloseReason Reason, ReasonCode Code, string Detail)
{
    public static CloseCause PeerClosed { get; } = new(CloseReason.PeerClosed, ReasonCode.UnspecifiedError, "the peer closed the connection without DISCONNECT");

    public static CloseCause ConnectTimeout { get; } = new(CloseReason.ConnectTimeout, ReasonCode.KeepAliveTimeout, "no CONNECT within the connect timeout");

    public static CloseCause KeepAliveTimeout { get; } = new(CloseReason.KeepAliveTimeout, ReasonCode.KeepAliveTimeout, "nothing received for one and a half keep-alive intervals");

    public static CloseCause SessionTakenOver { get; } = new(CloseReason.SessionTakenOver, ReasonCode.SessionTakenOver, "another connection with the same client identifier took over");

    public static CloseCause WriteStalled { get; } = new(CloseReason.WriteStalled, ReasonCode.UnspecifiedError, "the peer stopped reading");

    public static CloseCause OutputOverflow { get; } = new(CloseReason.OutputOverflow, ReasonCode.QuotaExceeded, "the peer does not read its acknowledgements");

    public static CloseCause AnswerTooLarge { get; } = new(CloseReason.AnswerTooLarge, ReasonCode.PacketTooLarge, "an answer larger than the client's maximum packet size");

    public static CloseCause ServerShuttingDown { get; } = new(CloseReason.ServerShuttingDown, ReasonCode.ServerShuttingDown, "the broker is stopping");

    public static CloseCause AdministrativeAction { get; } = new(CloseReason.AdministrativeAction, ReasonCode.AdministrativeAction, "disconnected by an administrator");

    public static CloseCause Of(Violation violation) => new(CloseReason.ProtocolViolation, violation.Reason, violation.Detail);

    public static CloseCause PeerReset(string detail) => new(CloseReason.PeerReset, ReasonCode.UnspecifiedError, detail);
}
