namespace Whimbrel.Protocol;

/// <summary>The CONNACK return codes of MQTT 3.1 and 3.1.1; 6 to 255 are reserved there.</summary>
public enum ConnectReturnCode : byte
{
    Accepted,
    UnacceptableProtocolVersion,
    IdentifierRejected,
    ServerUnavailable,
    BadUserNameOrPassword,
    NotAuthorized,
}
