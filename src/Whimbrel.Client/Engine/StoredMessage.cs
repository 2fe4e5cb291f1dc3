using System.Buffers.Binary;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>
/// A message as a store keeps it: format (1), flags (QoS, retain), Unix time in milliseconds when it expires (0: never), topic, properties,
/// payload. Numbers are big-endian.
/// </summary>
internal static class StoredMessage
{
    private const byte Format = 1;
    private const int HeadBytes = 14;

    public static byte[] Encode(Delivery delivery)
    {
        int topic = Encoding.UTF8.GetByteCount(delivery.Topic);
        byte[] body = new byte[HeadBytes + topic + 4 + delivery.Properties.Length + delivery.Payload.Length];
        body[0] = Format;
        body[1] = (byte)((int)delivery.QoS | (delivery.Retain ? 4 : 0));
        BinaryPrimitives.WriteInt64BigEndian(body.AsSpan(2), delivery.ExpiresAtUnix);
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(10), topic);
        int at = HeadBytes + Encoding.UTF8.GetBytes(delivery.Topic, body.AsSpan(HeadBytes));
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(at), delivery.Properties.Length);
        delivery.Properties.CopyTo(body.AsSpan(at + 4));
        delivery.Payload.Span.CopyTo(body.AsSpan(at + 4 + delivery.Properties.Length));
        return body;
    }

    /// <param name="body">What <see cref="Encode"/> made; empty for a message whose body was released.</param>
    /// <param name="delivery">What is filled.</param>
    /// <param name="clock">Turns a Unix time into the engine's.</param>
    public static void Decode(ReadOnlySpan<byte> body, Delivery delivery, Func<long, long> clock)
    {
        if (body.IsEmpty)
        {
            delivery.Begin("", default, [], QoS.ExactlyOnce, false, long.MaxValue, 0, isAwaited: false);
            return;
        }

        if (body.Length < HeadBytes + 4 || body[0] != Format)
            throw new MqttException($"The outbox holds a message in a form that this version does not know ({body[0]}).");
        long expires = BinaryPrimitives.ReadInt64BigEndian(body[2..]);
        int topic = BinaryPrimitives.ReadInt32BigEndian(body[10..]);
        int properties = BinaryPrimitives.ReadInt32BigEndian(body[(HeadBytes + topic)..]);
        ReadOnlySpan<byte> rest = body[(HeadBytes + topic + 4)..];
        delivery.Begin(
            Encoding.UTF8.GetString(body.Slice(HeadBytes, topic)),
            rest[properties..].ToArray(),
            rest[..properties].ToArray(),
            (QoS)(body[1] & 3),
            (body[1] & 4) != 0,
            expires == 0 ? long.MaxValue : clock(expires),
            expires,
            isAwaited: false);
    }
}
