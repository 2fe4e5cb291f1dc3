namespace Whimbrel.Protocol;

/// <summary>The protocol level that a CONNECT names; the numeric value is the level byte on the wire.</summary>
public enum ProtocolVersion : byte
{
    Mqtt31 = 3,
    Mqtt311 = 4,
    Mqtt50 = 5,
}
