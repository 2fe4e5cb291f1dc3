namespace Whimbrel.Broker;

/// <summary>
/// Which deliveries of one session are done with: every sequence number up to a floor, and runs above it. Acknowledgements come nearly
/// in order, so this is a number or two however many there were; a delivery that stays open costs one run, not a record for each that
/// overtook it.
/// </summary>
/// <remarks>Not thread-safe; the journal guards it.</remarks>
internal sealed class AcknowledgedRuns
{
    private readonly List<Run> _runs = [];

    public AcknowledgedRuns()
    {
    }

    public AcknowledgedRuns(long floor, IEnumerable<Run> runs)
    {
        Floor = floor;
        _runs.AddRange(runs);
    }

    /// <summary>Sequence numbers from First to Last, both done.</summary>
    public readonly record struct Run(long First, long Last);

    /// <summary>Every number up to here is done.</summary>
    public long Floor { get; private set; }

    /// <summary>What is done above the floor, in order; between two of them is at least one number that is not.</summary>
    public IReadOnlyList<Run> Runs => _runs;

    public bool Contains(long sequence) => sequence <= Floor || (Find(sequence) is var at && at >= 0 && _runs[at].Last >= sequence);

    /// <summary>A delivery is done with. A number that is done already changes nothing.</summary>
    public void Add(long sequence)
    {
        if (Contains(sequence))
            return;
        if (sequence == Floor + 1)
        {
            Floor = sequence;
            if (_runs.Count > 0 && _runs[0].First == Floor + 1)
            {
                Floor = _runs[0].Last;
                _runs.RemoveAt(0);
            }

            return;
        }

        int before = Find(sequence);
        bool joinsBefore = before >= 0 && _runs[before].Last == sequence - 1;
        bool joinsAfter = before + 1 < _runs.Count && _runs[before + 1].First == sequence + 1;
        if (joinsBefore && joinsAfter)
        {
            _runs[before] = new Run(_runs[before].First, _runs[before + 1].Last);
            _runs.RemoveAt(before + 1);
        }
        else if (joinsBefore)
        {
            _runs[before] = _runs[before] with { Last = sequence };
        }
        else if (joinsAfter)
        {
            _runs[before + 1] = _runs[before + 1] with { First = sequence };
        }
        else
        {
            _runs.Insert(before + 1, new Run(sequence, sequence));
        }
    }

    /// <summary>A run is done with, that lies above everything that was added before. An empty one (last below first) changes nothing.</summary>
    public void AddRange(long first, long last)
    {
        if (last < first)
            return;
        if (first == Floor + 1)
            Floor = last;
        else
            _runs.Add(new Run(first, last));
    }

    /// <summary>The last run that begins at or before a number, or -1.</summary>
    private int Find(long sequence)
    {
        int low = 0;
        int high = _runs.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (_runs[middle].First <= sequence)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return high;
    }
}
