using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The one message of a turn that is used again and again: for small messages of QoS 0 without RETAIN, which nobody keeps as a rule. It
/// is what it is until it has been routed; who keeps it for longer (a queue, a subscriber inside the process, a packet that waits for a
/// permission) takes its <see cref="Lasting"/>.
/// </summary>
internal sealed class PassingMessage
{
    private const int RoomForNames = 512;

    private readonly Message _message = Message.Passing(FrameCache.CopiedPayloadMax + RoomForNames);
    private Message? _lasting;

    /// <summary>
    /// Takes a packet in, if it is of the kind and small: larger payloads go to links by reference, and that array must stay what it is.
    /// </summary>
    public bool TryFill(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher, long now, out Message message)
    {
        message = _message;
        if (packet.QoS != QoS.AtMostOnce || packet.Retain || packet.Payload.Length > FrameCache.CopiedPayloadMax
            || Message.RoomFor(packet, topic, publisher) > FrameCache.CopiedPayloadMax + RoomForNames)
        {
            return false;
        }

        _lasting = null;
        _message.FillPassing(packet, topic, publisher, now);
        return true;
    }

    /// <summary>The copy that all who keep the message share.</summary>
    public Message Lasting() => _lasting ??= _message.Lasting();
}
