namespace Whimbrel.Cli.Bench.Load;

/// <summary>Which order a receiver demands.</summary>
internal enum ReceiverOrder
{
    /// <summary>All, in the order of their numbers.</summary>
    Published,

    /// <summary>Others get a part of the messages; those that come here are in the order of their numbers.</summary>
    Ascending,

    /// <summary>All, in any order: they are on different topics.</summary>
    Any,
}

/// <summary>Takes what a connection is subscribed to.</summary>
internal interface IReceiver
{
    void Received(ReadOnlySpan<byte> payload, int packetBytes);
}

/// <summary>Takes the messages of some publishers and checks that each comes once and in order.</summary>
/// <param name="first">The number of the first publisher whose messages it gets.</param>
/// <param name="seen">One for each publisher; the members of a shared subscription have the same.</param>
/// <param name="order">Which order the messages must have.</param>
internal sealed class Receiver(Traffic traffic, int first, SequenceCheck[] seen, ReceiverOrder order = ReceiverOrder.Published) : IReceiver
{
    private readonly long[]? _last = order == ReceiverOrder.Ascending ? NoneYet(seen.Length) : null;

    public Receiver(Traffic traffic, int first, int count)
        : this(traffic, first, New(count))
    {
    }

    public static SequenceCheck[] New(int count)
    {
        var checks = new SequenceCheck[count];
        for (int i = 0; i < count; i++)
            checks[i] = new SequenceCheck();
        return checks;
    }

    public void Received(ReadOnlySpan<byte> payload, int packetBytes)
    {
        if (payload.Length < Stamp.Length)
        {
            traffic.CountForeign();
            return;
        }

        long due = Stamp.Read(payload, out int publisher, out long sequence);
        publisher -= traffic.StampBase;
        int index = publisher - first;
        if ((uint)index >= (uint)seen.Length)
        {
            traffic.CountForeign();
            return;
        }

        var arrival = seen[index].Take(sequence);
        if (_last is not null && arrival != Arrival.Again)
        {
            arrival = sequence < _last[index] ? Arrival.Late : Arrival.InOrder;
            _last[index] = Math.Max(sequence, _last[index]);
        }

        if (order == ReceiverOrder.Any && arrival == Arrival.Late)
            arrival = Arrival.InOrder;
        traffic.CountReceived(publisher, due, packetBytes, arrival);
    }

    private static long[] NoneYet(int count)
    {
        long[] last = new long[count];
        Array.Fill(last, -1);
        return last;
    }
}
