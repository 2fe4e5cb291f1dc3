using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// One published application message: immutable, shared by every delivery of it and by the retained store.
/// </summary>
public sealed class Message
{
    /// <summary>The value of <see cref="ExpiresAt"/> of a message that never expires.</summary>
    public const long Never = long.MaxValue;

    private byte[] _topic = [];
    private ReadOnlyMemory<byte> _payload;
    private ReadOnlyMemory<byte> _properties;
    private long _expiresAt = Never;
    private string? _publisher;

    /// <summary>The topic name in UTF-8. Never written to.</summary>
    public required byte[] Topic { get => _topic; init => _topic = value; }

    /// <summary>The application payload.</summary>
    public ReadOnlyMemory<byte> Payload { get => _payload; init => _payload = value; }

    /// <summary>
    /// The MQTT 5.0 properties that are forwarded unaltered and in order, encoded: payload format, content type, response topic,
    /// correlation data, user properties [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-18, MQTT-3.3.2-20].
    /// </summary>
    public ReadOnlyMemory<byte> Properties { get => _properties; init => _properties = value; }

    public QoS QoS { get; init; }

    /// <summary>The RETAIN flag as the publisher set it.</summary>
    public bool Retain { get; init; }

    /// <summary>Unix milliseconds from which on the message is not delivered any more [MQTT-3.3.2-5]; <see cref="Never"/> for none.</summary>
    public long ExpiresAt { get => _expiresAt; init => _expiresAt = value; }

    /// <summary>The client identifier of the publisher, for No Local [MQTT-3.8.3-3]; null when the broker itself or the embedding program published.</summary>
    public string? Publisher { get => _publisher; init => _publisher = value; }

    /// <summary>
    /// Which update of the retained store this message was, 0 for none. Set once by <see cref="RetainedStore"/> before the message is
    /// routed; a subscription whose replay covers it does not get it a second time as live traffic.
    /// </summary>
    internal long RetainedUpdate { get; set; }

    /// <summary>What the message counts against byte bounds: its bytes and a flat share for the objects that hold them.</summary>
    internal int Size => Topic.Length + Properties.Length + Payload.Length + 96;

    /// <summary>Whether it is used again for the next message as soon as it is routed: see <see cref="PassingMessage"/>.</summary>
    internal bool IsPassing { get; init; }

    internal bool IsExpired(long now) => ExpiresAt <= now;

    /// <summary>What is left of the message expiry interval, in whole seconds rounded up [MQTT-3.3.2-6].</summary>
    internal uint RemainingSeconds(long now) => (uint)Math.Clamp((ExpiresAt - now + 999) / 1000, 0, uint.MaxValue);

    /// <summary>Copies out of the receive buffer what outlives it. The topic's array is taken over, not copied.</summary>
    internal static Message From(in PublishPacket packet, byte[] topic, string? publisher, long now)
    {
        int length = packet.MeasureForwardable() + packet.Payload.Length;
        var message = new Message { Topic = topic, QoS = packet.QoS, Retain = packet.Retain };
        message.Fill(packet, length == 0 ? [] : GC.AllocateUninitializedArray<byte>(length), topic, publisher, now);
        return message;
    }

    /// <summary>Takes everything but the flags over from a packet; <paramref name="bytes"/> has room for its properties and payload.</summary>
    internal void Fill(in PublishPacket packet, byte[] bytes, byte[] topic, string? publisher, long now)
    {
        int propertyLength = packet.WriteForwardable(bytes);
        packet.Payload.CopyTo(bytes.AsSpan(propertyLength));
        _topic = topic;
        _properties = bytes.AsMemory(0, propertyLength);
        _payload = bytes.AsMemory(propertyLength, packet.Payload.Length);
        _expiresAt = packet.HasMessageExpiry ? now + (packet.MessageExpirySeconds * 1000L) : Never;
        _publisher = publisher;
    }
}
