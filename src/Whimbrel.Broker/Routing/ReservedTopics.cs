namespace Whimbrel.Broker;

/// <summary>
/// Topics that begin with $ are the broker's own; clients must not exchange messages there (section 4.7.2). The one exception is where
/// Mosquitto's bridges leave word of their state, as a retained publish and as a will: refusing it would refuse the bridge.
/// </summary>
internal static class ReservedTopics
{
    public static bool Contains(ReadOnlySpan<byte> topic) => topic[0] == (byte)'$' && !topic.StartsWith("$SYS/broker/connection/"u8);
}
