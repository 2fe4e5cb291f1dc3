using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a client leaves behind to be published if its connection ends without DISCONNECT 0x00 [MQTT-3.1.2-8].</summary>
/// <param name="DelaySeconds">How long after the end of the connection; the end of the session publishes it sooner [MQTT-3.1.3-9].</param>
/// <param name="ExpirySeconds">The message expiry interval, counted from the publication; null for none.</param>
internal sealed record Will(
    byte[] Topic,
    ReadOnlyMemory<byte> Payload,
    ReadOnlyMemory<byte> Properties,
    QoS QoS,
    bool Retain,
    uint DelaySeconds,
    uint? ExpirySeconds)
{
    public Message ToMessage(string publisher, long now) => new(
        Topic, Payload.Span, QoS, Retain, Properties.Span, ExpirySeconds is { } seconds ? now + (seconds * 1000L) : Message.Never, publisher);
}
