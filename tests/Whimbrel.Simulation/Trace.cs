namespace Whimbrel.Simulation;

/// <summary>What happened lately, for the eyes of whoever looks at a failing seed; with <paramref name="all"/>, everything from the start.</summary>
internal sealed class Trace(Agenda agenda, bool all)
{
    private const int KeptLines = 60;

    private readonly Queue<string> _lines = new();
    private readonly long _start = agenda.Now;

    /// <summary>A number over all lines: two runs of one seed have the same.</summary>
    public ulong Digest { get; private set; } = 14695981039346656037;

    public void Add(string line)
    {
        foreach (char c in line)
            Digest = (Digest ^ c) * 1099511628211;
        _lines.Enqueue($"{agenda.Steps,6} {(agenda.Now - _start) / 1000.0,9:F3} {line}");
        if (!all && _lines.Count > KeptLines)
            _lines.Dequeue();
    }

    public override string ToString() => string.Join(Environment.NewLine, _lines);
}
