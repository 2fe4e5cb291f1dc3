namespace Whimbrel.Cli.Bench.Load;

/// <summary>How a message stands to those before it.</summary>
internal enum Arrival
{
    /// <summary>It is behind all that have come; some before it may be missing.</summary>
    InOrder,

    /// <summary>One behind it has come already.</summary>
    Late,

    /// <summary>It has come before.</summary>
    Again,
}

/// <summary>
/// Remembers which messages of one publisher have come. While nothing is missing it is one number; else it looks back over a window, usually the
/// last 65,536 messages. Of what is older it knows how many are missing but not which, and takes a late one for one of them.
/// </summary>
/// <param name="window">How many it looks back; a power of two.</param>
internal sealed class SequenceCheck(int window = SequenceCheck.UsualWindow)
{
    private const int UsualWindow = 64 * 1024;

    private ulong[]? _missing;
    private int _missingCount;
    private long _missingBefore;
    private long _next;
    private bool _hasBegun;

    /// <summary>The stream may be joined in its middle, and begin again.</summary>
    public bool IsOpen { get; init; }

    /// <summary>How many have not come so far that are before the last that has.</summary>
    public long Missing => _missingCount + _missingBefore;

    public Arrival Take(long sequence)
    {
        if (sequence == _next && _missingCount == 0)
        {
            _next++;
            _hasBegun = true;
            return Arrival.InOrder;
        }

        return TakeOther(sequence);
    }

    private Arrival TakeOther(long sequence)
    {
        if (IsOpen && (!_hasBegun || sequence == 0))
        {
            _missingBefore += _missingCount;
            _missingCount = 0;
            _missing?.AsSpan().Clear();
            _hasBegun = true;
            _next = sequence + 1;
            return Arrival.InOrder;
        }

        _missing ??= new ulong[window / 64];
        if (sequence < _next)
            return TakeEarlier(sequence);

        // More than the window at once: the rest is counted only.
        long from = Math.Max(_next, sequence - window + 1);
        _missingBefore += from - _next;
        for (long passed = from; passed < sequence; passed++)
            Mark(passed, isMissing: true);
        Mark(sequence, isMissing: false);
        _next = sequence + 1;
        return Arrival.InOrder;
    }

    private Arrival TakeEarlier(long sequence)
    {
        if (sequence < _next - window)
        {
            if (_missingBefore == 0)
                return Arrival.Again;
            _missingBefore--;
            return Arrival.Late;
        }

        ref ulong word = ref Word(sequence, out ulong bit);
        if ((word & bit) == 0)
            return Arrival.Again;
        word &= ~bit;
        _missingCount--;
        return Arrival.Late;
    }

    private void Mark(long sequence, bool isMissing)
    {
        ref ulong word = ref Word(sequence, out ulong bit);
        if ((word & bit) != 0)
        {
            // The one that was here a window ago leaves the memory.
            _missingBefore++;
            _missingCount--;
        }

        word = isMissing ? word | bit : word & ~bit;
        _missingCount += isMissing ? 1 : 0;
    }

    private ref ulong Word(long sequence, out ulong bit)
    {
        int index = (int)(sequence & (window - 1));
        bit = 1UL << (index & 63);
        return ref _missing![index >> 6];
    }
}
