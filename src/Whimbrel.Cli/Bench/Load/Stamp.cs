using System.Buffers.Binary;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>What the beginning of every payload says: when the message was due, who publishes it, and its number there.</summary>
internal static class Stamp
{
    public const int Length = 16;

    private const int PublisherShift = 40;
    private const long SequenceMask = (1L << PublisherShift) - 1;

    public static void Write(Span<byte> payload, long due, int publisher, long sequence)
    {
        BinaryPrimitives.WriteInt64LittleEndian(payload, due);
        BinaryPrimitives.WriteInt64LittleEndian(payload[8..], ((long)publisher << PublisherShift) | sequence);
    }

    public static long Read(ReadOnlySpan<byte> payload, out int publisher, out long sequence)
    {
        long mark = BinaryPrimitives.ReadInt64LittleEndian(payload[8..]);
        publisher = (int)(mark >> PublisherShift);
        sequence = mark & SequenceMask;
        return BinaryPrimitives.ReadInt64LittleEndian(payload);
    }
}
