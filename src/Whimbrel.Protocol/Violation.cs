namespace Whimbrel.Protocol;

/// <summary>
/// Why bytes are not acceptable. <c>default</c> means that nothing is wrong.
/// </summary>
/// <param name="Reason">The code that a 5.0 DISCONNECT or CONNACK gives for it.</param>
/// <param name="Detail">A constant English phrase, never built from peer bytes: fit for a log line and a Reason String.</param>
public readonly record struct Violation(ReasonCode Reason, string Detail)
{
    public bool IsNone => Detail is null;

    internal static Violation Malformed(string detail) => new(ReasonCode.MalformedPacket, detail);

    internal static Violation Protocol(string detail) => new(ReasonCode.ProtocolError, detail);
}
