namespace Whimbrel.Crash.Judging;

/// <summary>Takes what all clients tell, one after the other, keeps the end of the story, and has it judged.</summary>
internal sealed class Oracle
{
    private const int TraceLength = 200_000;
    private const int TraceShown = 100;
    private const int ShownOfAKind = 8;

    private readonly Lock _gate = new();
    private readonly Checker _checker = new();
    private readonly Queue<Happening> _trace = new();
    private readonly Dictionary<Violation, string[]> _told = [];
    private TaskCompletionSource? _awaited;
    private int _awaitedCount;

    public int Outstanding => Ask(checker => checker.Outstanding);

    public int AcknowledgedCount => Ask(checker => checker.AcknowledgedCount);

    public int ReceivedCount => Ask(checker => checker.ReceivedCount);

    public IReadOnlyList<Violation> Violations => Ask(checker => checker.Violations.ToArray());

    public void Note(Happening happening)
    {
        lock (_gate)
        {
            if (_trace.Count == TraceLength)
                _trace.Dequeue();
            _trace.Enqueue(happening);
            Watch(() => _checker.Observe(happening));
            if (_awaited is not null && _checker.AcknowledgedCount >= _awaitedCount)
            {
                _awaited.TrySetResult();
                _awaited = null;
            }
        }
    }

    public void Conclude()
    {
        lock (_gate)
            Watch(() => _checker.Conclude());
    }

    public bool WasReceived(int number) => Ask(checker => checker.WasReceived(number));

    public bool HasSeenRetained(string client) => Ask(checker => checker.HasSeenRetained(client));

    public string DescribeOutstanding() => Ask(checker => checker.DescribeOutstanding());

    /// <summary>Ends at the very moment when so many more messages have been acknowledged.</summary>
    public Task WhenAcknowledged(int more)
    {
        lock (_gate)
        {
            _awaitedCount = _checker.AcknowledgedCount + more;
            _awaited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _awaited.Task;
        }
    }

    /// <summary>How many violations of each kind, the first ones in words, and what led to the first of each kind.</summary>
    public string Describe()
    {
        lock (_gate)
        {
            var lines = new List<string>();
            foreach (IGrouping<ViolationKind, Violation> kind in _checker.Violations.GroupBy(v => v.Kind))
            {
                lines.Add($"{kind.Count()} x {kind.Key}");
                lines.AddRange(kind.Take(ShownOfAKind).Select(violation => $"  {violation}"));
                if (_told.TryGetValue(kind.First(), out string[]? story))
                    lines.AddRange(story.Select(line => $"    | {line}"));
            }

            return string.Join('\n', lines);
        }
    }

    private void Watch(Action judging)
    {
        int before = _checker.Violations.Count;
        judging();
        foreach (Violation violation in _checker.Violations.Skip(before))
            Remember(violation);
    }

    /// <summary>Keeps what the trace says about the client and the message of a violation: later it will have been forgotten.</summary>
    private void Remember(Violation violation)
    {
        if (_told.Keys.Any(told => told.Kind == violation.Kind))
            return;
        string[] words = [.. violation.Text.Split(' ', ',', ':').Where(word => word.Length > 0 && word.All(char.IsAsciiDigit)).Select(word => $" {word} ")];
        bool IsAbout(Happening happening) => happening switch
        {
            Happening.Killed or Happening.Started => true,
            Happening.Received or Happening.Publishing => words.Any(word => happening.ToString().Contains(word, StringComparison.Ordinal)),
            _ => happening.Client == violation.Client,
        };
        _told[violation] = [.. _trace.Where(IsAbout).TakeLast(TraceShown).Select(happening => happening.ToString())];
    }

    private T Ask<T>(Func<Checker, T> question)
    {
        lock (_gate)
            return question(_checker);
    }
}
