using System.Buffers;

namespace Whimbrel.Protocol;

/// <summary>
/// Cuts packets from a byte stream by their fixed header. What is wrong with the header is known before the body has
/// arrived, so nothing is ever buffered for a packet that will be refused.
/// </summary>
public static class FrameReader
{
    /// <summary>Packet type and flags, then a Remaining Length of at most four bytes.</summary>
    public const int FixedHeaderLengthMax = 5;

    /// <summary>Cuts the packet at the beginning of <paramref name="buffer"/>.</summary>
    /// <param name="buffer">What has arrived and is not yet consumed.</param>
    /// <param name="packetSizeMax">Bytes that a whole packet may have, fixed header included.</param>
    /// <param name="frame">The packet, if complete: a view over <paramref name="buffer"/>.</param>
    /// <param name="length">Bytes of the whole packet as soon as the header has told, 0 before.</param>
    /// <param name="violation">Set if the status is <see cref="FrameStatus.Malformed"/>.</param>
    public static FrameStatus TryRead(
        ReadOnlySpan<byte> buffer, uint packetSizeMax, out Frame frame, out int length, out Violation violation)
    {
        FrameStatus status = ReadHeader(buffer, packetSizeMax, out int headerLength, out length, out violation);
        if (status != FrameStatus.Complete || buffer.Length < length)
        {
            frame = default;
            return status == FrameStatus.Complete ? FrameStatus.NeedMore : status;
        }

        byte first = buffer[0];
        frame = new Frame((PacketType)(first >> 4), (byte)(first & 0x0F), buffer[headerLength..length], length);
        return FrameStatus.Complete;
    }

    /// <summary>The same over bytes that lie in several segments; <paramref name="frame"/> is the whole packet's bytes.</summary>
    public static FrameStatus TryRead(
        in ReadOnlySequence<byte> buffer, uint packetSizeMax, out ReadOnlySequence<byte> frame, out int length, out Violation violation)
    {
        scoped ReadOnlySpan<byte> head = buffer.FirstSpan;
        Span<byte> gathered = stackalloc byte[FixedHeaderLengthMax];
        if (head.Length < FixedHeaderLengthMax && !buffer.IsSingleSegment)
        {
            int count = (int)Math.Min(buffer.Length, FixedHeaderLengthMax);
            buffer.Slice(0, count).CopyTo(gathered);
            head = gathered[..count];
        }

        FrameStatus status = ReadHeader(head, packetSizeMax, out _, out length, out violation);
        if (status != FrameStatus.Complete || buffer.Length < length)
        {
            frame = default;
            return status == FrameStatus.Complete ? FrameStatus.NeedMore : status;
        }

        frame = buffer.Slice(0, length);
        return FrameStatus.Complete;
    }

    /// <summary>Complete means that the header is: the body may still be missing.</summary>
    private static FrameStatus ReadHeader(
        ReadOnlySpan<byte> head, uint packetSizeMax, out int headerLength, out int length, out Violation violation)
    {
        headerLength = 0;
        length = 0;
        violation = default;
        if (head.IsEmpty)
        {
            return FrameStatus.NeedMore;
        }

        byte first = head[0];
        if (!FixedHeader.IsAcceptable(first, out violation))
        {
            return FrameStatus.Malformed;
        }

        int remaining = 0;
        for (int i = 1; i < head.Length; i++)
        {
            byte b = head[i];
            remaining |= (b & 0x7F) << (7 * (i - 1));
            if ((b & 0x80) != 0)
            {
                if (i == 4)
                {
                    violation = Violation.Malformed("Remaining Length is longer than four bytes");
                    return FrameStatus.Malformed;
                }

                continue;
            }

            if (b == 0 && i > 1)
            {
                // [MQTT-1.5.5-1]: the shortest encoding only.
                violation = Violation.Malformed("Remaining Length is not encoded in the fewest bytes");
                return FrameStatus.Malformed;
            }

            headerLength = i + 1;
            length = headerLength + remaining;
            if ((uint)length > packetSizeMax)
            {
                violation = new Violation(ReasonCode.PacketTooLarge, "Packet is larger than the maximum packet size");
                return FrameStatus.Malformed;
            }

            return FrameStatus.Complete;
        }

        return FrameStatus.NeedMore;
    }
}
