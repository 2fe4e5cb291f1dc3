using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The one message of a turn that is used again and again: for small messages of QoS 0 without RETAIN, which nobody keeps as a rule. It
/// is what it is until it has been routed; who keeps it for longer (a queue, a subscriber inside the process, a packet that waits for a
/// permission) takes its <see cref="Lasting"/>.
/// </summary>
internal sealed class PassingMessage
{
    private readonly Message _message = new() { Topic = [], QoS = QoS.AtMostOnce, IsPassing = true };
    private readonly byte[] _bytes = new byte[FrameCache.CopiedPayloadMax];
    private Message? _lasting;

    /// <summary>Whether a packet is of the kind. Larger payloads go to links by reference.</summary>
    public static bool Suits(in PublishPacket packet) =>
        packet.QoS == QoS.AtMostOnce && !packet.Retain && packet.MeasureForwardable() + packet.Payload.Length <= FrameCache.CopiedPayloadMax;

    public Message Fill(in PublishPacket packet, byte[] topic, string? publisher, long now)
    {
        _lasting = null;
        _message.Fill(packet, _bytes, topic, publisher, now);
        return _message;
    }

    /// <summary>The copy that all who keep the message share.</summary>
    public Message Lasting()
    {
        if (_lasting is { } made)
            return made;
        byte[] bytes = [.. _message.Properties.Span, .. _message.Payload.Span];
        return _lasting = new Message
        {
            Topic = _message.Topic,
            Properties = bytes.AsMemory(0, _message.Properties.Length),
            Payload = bytes.AsMemory(_message.Properties.Length),
            ExpiresAt = _message.ExpiresAt,
            Publisher = _message.Publisher,
        };
    }
}
