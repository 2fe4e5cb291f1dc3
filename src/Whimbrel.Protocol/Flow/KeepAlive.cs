namespace Whimbrel.Protocol.Flow;

/// <summary>Keep-alive arithmetic. Times in milliseconds of whatever clock the caller uses.</summary>
public static class KeepAlive
{
    /// <summary>No deadline: keep alive 0 turns the mechanism off [MQTT-3.1.2-22].</summary>
    public const long Never = long.MaxValue;

    /// <summary>When a server closes a silent connection: one and a half times the interval after the last packet [MQTT-3.1.2-22].</summary>
    public static long ServerDeadline(long lastReceived, ushort keepAliveSeconds) =>
        keepAliveSeconds == 0 ? Never : lastReceived + (keepAliveSeconds * 1500L);

    /// <summary>When a client that has sent nothing else sends PINGREQ: within the interval after its last packet [MQTT-3.1.2-20].</summary>
    public static long ClientPingDue(long lastSent, ushort keepAliveSeconds) =>
        keepAliveSeconds == 0 ? Never : lastSent + (keepAliveSeconds * 1000L);
}
