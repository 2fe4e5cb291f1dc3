namespace Whimbrel.Simulation;

/// <summary>
/// One direction of a network connection: bytes arrive late, in pieces, in order; those that the receiver does not take stay in it.
/// </summary>
internal sealed class Pipe(World world)
{
    /// <summary>What the operating systems on both sides hold together.</summary>
    public const int Capacity = 16 * 1024;

    private readonly Queue<byte[]> _arrived = new();
    private long _lastArrival;
    private bool _isCut;
    private bool _ends;

    /// <summary>Takes bytes at the receiving end.</summary>
    public Action<byte[]> Received { get; set; } = static _ => { };

    /// <summary>The sender has closed, and everything that it sent before has been received.</summary>
    public Action Ended { get; set; } = static () => { };

    /// <summary>The receiver has taken something.</summary>
    public Action Drained { get; set; } = static () => { };

    /// <summary>Whether the receiver takes what arrives.</summary>
    public bool IsRead { get; private set; } = true;

    /// <summary>Bytes that were sent and not received.</summary>
    public int Held { get; private set; }

    public bool IsEmpty => Held == 0 || _isCut;

    public void Send(ReadOnlySpan<byte> bytes)
    {
        Held += bytes.Length;
        while (!bytes.IsEmpty)
        {
            int length = PieceOf(bytes.Length);
            byte[] piece = bytes[..length].ToArray();
            bytes = bytes[length..];
            Plan(() =>
            {
                _arrived.Enqueue(piece);
                Deliver();
            });
        }
    }

    /// <summary>The sender closes: the receiver hears of it behind the last byte.</summary>
    public void End() => Plan(() =>
    {
        _ends = true;
        Deliver();
    });

    /// <summary>Nothing arrives any more, not even what is under way.</summary>
    public void Cut() => _isCut = true;

    public void Read(bool isRead)
    {
        IsRead = isRead;
        Deliver();
    }

    private int PieceOf(int length)
    {
        if (world.IsCalm || (world.Scenario.FragmentMax > 100 && !world.Chance.Percent(10)))
            return length;
        return Math.Min(length, world.Chance.Between(1, Math.Max(world.Scenario.FragmentMax, length / 20)));
    }

    private void Plan(Action arrival)
    {
        _lastArrival = Math.Max(_lastArrival, world.Agenda.Now + world.Latency());
        world.Agenda.At(_lastArrival, arrival);
    }

    private void Deliver()
    {
        bool took = false;
        while (IsRead && !_isCut && _arrived.TryDequeue(out byte[]? piece))
        {
            Held -= piece.Length;
            took = true;
            Received(piece);
        }

        if (took)
            Drained();
        if (IsRead && !_isCut && _ends && _arrived.Count == 0)
        {
            _isCut = true;
            Ended();
        }
    }
}
