namespace Whimbrel.Server;

/// <summary>One thing that is wrong with the configuration.</summary>
/// <param name="Source">The file as it was named, <c>environment</c> or the option.</param>
/// <param name="Line">1-based; 0 if the source has no lines.</param>
/// <param name="Column">1-based, in characters; 0 if the source has no lines.</param>
/// <param name="Key">The full path of the key, or the name of the variable; null if the problem is with the source itself.</param>
/// <param name="What">A phrase without a full stop.</param>
/// <param name="Suggestion">What was probably meant, or null.</param>
public sealed record ConfigurationProblem(string Source, int Line, int Column, string? Key, string What, string? Suggestion = null)
{
    /// <summary>The whole problem in one line.</summary>
    public override string ToString()
    {
        string place = Line > 0 ? $"{Source}:{Line}:{Column}" : Source;
        string key = Key is null ? "" : $" {Key}:";
        string suggestion = Suggestion is null ? "" : $"; did you mean {Suggestion}?";
        return $"{place}:{key} {What}{suggestion}";
    }
}

/// <summary>The outcome of loading: usable only without problems.</summary>
public sealed class LoadedConfiguration
{
    internal LoadedConfiguration(
        ServerConfiguration configuration, IReadOnlyList<ConfigurationProblem> problems, IReadOnlyDictionary<string, string> origins)
    {
        Configuration = configuration;
        Problems = problems;
        Origins = origins;
    }

    public ServerConfiguration Configuration { get; }

    /// <summary>Everything that is wrong, not only the first, in the order of the sources and of their lines.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems { get; }

    public bool IsAcceptable => Problems.Count == 0;

    /// <summary>By key, where a value that is not the default comes from: <c>file:line</c>, a variable or an option.</summary>
    public IReadOnlyDictionary<string, string> Origins { get; }
}
