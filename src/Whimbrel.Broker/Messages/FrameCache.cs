using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// The heads of the PUBLISH packets of the message that is being routed, encoded once per wire shape (3.x or 5.0, with or without packet
/// identifier); each receiver's copy is patched with its flags and packet identifier. The payload follows, copied or by reference.
/// </summary>
/// <remarks>A turn's own; its buffers are used again for every message.</remarks>
internal sealed class FrameCache
{
    /// <summary>Payloads above this go by reference. Up to it the copy costs less than a second segment (see docs/design/0003).</summary>
    public const int CopiedPayloadMax = 4096;

    private readonly Shape[] _shapes = [new(), new(), new(), new()];
    private byte[]? _message;
    private bool _shapesFilled;

    /// <summary>The frame of a shape.</summary>
    public Shape Get(Message message, ProtocolVersion version, QoS qos, long now)
    {
        if (!ReferenceEquals(_message, message.Bytes))
        {
            Forget();
            _message = message.Bytes;
        }

        _shapesFilled = true;
        bool five = version == ProtocolVersion.Mqtt50;
        Shape shape = _shapes[(five ? 2 : 0) + (qos == QoS.AtMostOnce ? 0 : 1)];
        if (shape.Length == 0)
            shape.Encode(message, five ? ProtocolVersion.Mqtt50 : ProtocolVersion.Mqtt311, qos, now);
        return shape;
    }

    /// <summary>Lets go of the message, at the latest at the end of the turn: time has passed for what is encoded.</summary>
    public void Forget()
    {
        if (!_shapesFilled)
            return;
        foreach (Shape shape in _shapes)
            shape.Length = 0;
        _message = null;
        _shapesFilled = false;
    }

    /// <summary>One encoded frame.</summary>
    internal sealed class Shape
    {
        private byte[] _buffer = new byte[512];
        private int _idOffset;

        /// <summary>The whole packet's length, the payload included; 0 while nothing is encoded.</summary>
        public int Length { get; set; }

        /// <summary>How much of it stands here: all but the payload.</summary>
        public int HeadLength { get; private set; }

        public void Encode(Message message, ProtocolVersion version, QoS qos, long now)
        {
            var packet = new PublishPacket
            {
                QoS = qos,
                PacketId = qos == QoS.AtMostOnce ? (ushort)0 : (ushort)1,
                Topic = message.Topic,
                HasMessageExpiry = message.ExpiresAt != Message.Never,
                MessageExpirySeconds = message.ExpiresAt == Message.Never ? 0 : message.RemainingSeconds(now),
                PropertyBlock = message.Properties,
                Payload = message.PayloadSpan,
            };
            Length = packet.Measure(version);
            HeadLength = Length - message.PayloadLength;
            if (_buffer.Length < HeadLength)
                _buffer = new byte[HeadLength];
            packet.WriteHead(_buffer, version);
            _idOffset = 1 + RemainingLengthBytes(_buffer) + 2 + message.Topic.Length;
        }

        /// <summary>Copies the head to one receiver, with its own flags and packet identifier.</summary>
        public void CopyTo(Span<byte> destination, bool duplicate, QoS qos, bool retain, ushort packetId)
        {
            _buffer.AsSpan(0, HeadLength).CopyTo(destination);
            destination[0] = (byte)(((int)PacketType.Publish << 4) | (duplicate ? 8 : 0) | ((int)qos << 1) | (retain ? 1 : 0));
            if (qos != QoS.AtMostOnce)
                System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(destination[_idOffset..], packetId);
        }

        private static int RemainingLengthBytes(ReadOnlySpan<byte> frame)
        {
            int count = 1;
            while ((frame[count] & 0x80) != 0)
                count++;
            return count;
        }
    }
}
