using Whimbrel.Cli.Messages;

namespace Whimbrel.Cli.Commands;

/// <summary>What a command has of the world, so that tests can give it another one.</summary>
internal sealed class ToolContext
{
    public required Func<Stream> Input { get; init; }

    /// <summary>Data, and nothing else.</summary>
    public required Func<StandardOutput> Output { get; init; }

    /// <summary>Everything said to people.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Somebody watches <see cref="Error"/>: progress is worth showing.</summary>
    public bool IsErrorTerminal { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Cancelled by SIGINT and SIGTERM. Not used by <c>serve</c>, whose host handles them.</summary>
    public CancellationToken Interrupted { get; init; }

    /// <summary>A variable's value; an empty one counts as none.</summary>
    public string? Variable(string name) => Environment.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;
}

/// <summary>The command line is wrong: every problem in one line, exit code 2.</summary>
internal sealed class UsageFailure(IReadOnlyList<string> problems) : Exception(string.Join(System.Environment.NewLine, problems))
{
    public UsageFailure(string problem)
        : this([problem])
    {
    }

    public IReadOnlyList<string> Problems { get; } = problems;
}
