using System.Collections;
using System.Text;

namespace Whimbrel.Server;

/// <summary>
/// Puts the sources together. Add them from the weakest to the strongest: environment, file, options. Every problem of every
/// source is kept, also where a stronger source overrides the value.
/// </summary>
public sealed class ConfigurationLoader
{
    private readonly List<ConfigurationProblem> _problems = [];
    private readonly Dictionary<string, Origin> _origins = [];
    private ServerConfiguration _configuration = new();

    /// <summary>Adds the variables of this process.</summary>
    public void AddEnvironment()
    {
        var variables = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        AddEnvironment(variables);
    }

    /// <summary>Adds what begins with <c>WHIMBREL__</c>; case does not matter.</summary>
    public void AddEnvironment(IEnumerable<KeyValuePair<string, string>> variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        const string source = "environment";
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, text) in variables)
        {
            if (!name.StartsWith(SettingNames.VariablePrefix, StringComparison.OrdinalIgnoreCase))
                continue;
            if (Settings.All.FirstOrDefault(s => s.Variable.Equals(name, StringComparison.OrdinalIgnoreCase)) is not { } setting)
            {
                string path = name[SettingNames.VariablePrefix.Length..].Replace("__", ".", StringComparison.Ordinal);
                string? suggestion = Settings.Suggest(path) is { } key && Settings.Find(key) is { } near ? near.Variable : null;
                _problems.Add(new ConfigurationProblem(source, 0, 0, name, "unknown variable", suggestion));
            }
            else if (!seen.TryAdd(name, name))
            {
                _problems.Add(new ConfigurationProblem(source, 0, 0, name, $"given twice: {seen[name]} says the same"));
            }
            else
            {
                Apply(setting, setting.FromText(text), new Origin(source, name));
            }
        }
    }

    /// <summary>Adds a file of JSON with comments and trailing commas.</summary>
    public void AddFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            AddJson(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string what = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => "there is no such file",
                UnauthorizedAccessException when Directory.Exists(path) => "is a directory",
                UnauthorizedAccessException => "may not be read by this user",
                _ => e.Message.TrimEnd('.'),
            };
            _problems.Add(new ConfigurationProblem(path, 0, 0, null, what));
        }
    }

    /// <summary>Adds text as if it were the file of that name.</summary>
    public void AddJson(string source, string json) => AddJson(source, Encoding.UTF8.GetBytes(json));

    /// <summary>Adds what a command-line option says.</summary>
    /// <param name="option">Its name, such as <c>--listen</c>.</param>
    /// <param name="key">The setting's key.</param>
    /// <param name="texts">Its values; more than one only where the setting is a list.</param>
    public void AddOption(string option, string key, params IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var setting = Settings.Find(key) ?? throw new ArgumentException("There is no such setting.", nameof(key));
        var value = setting is ListenSetting
            ? SettingValue.Of(texts.Select(SettingValue.Of).ToArray())
            : setting.FromText(texts[0]);
        Apply(setting, value, new Origin(option, null));
    }

    public LoadedConfiguration Load()
    {
        CheckTogether();
        return new LoadedConfiguration(_configuration, _problems, _origins.ToDictionary(o => o.Key, o => o.Value.ToString()));
    }

    private void AddJson(string source, byte[] json) =>
        new ConfigurationFile(
            source,
            (setting, value) => Apply(setting, value, new Origin(source, setting.Key) { Line = value.Line, Column = value.Column }),
            _problems).Read(json);

    private void Apply(Setting setting, SettingValue value, Origin origin)
    {
        _origins[setting.Key] = origin;
        setting.Apply(value, ref _configuration, (at, what) =>
        {
            int line = at.Line > 0 ? at.Line : origin.Line;
            int column = at.Line > 0 ? at.Column : origin.Column;
            _problems.Add(new ConfigurationProblem(origin.Source, line, column, origin.Name, what));
        });
    }

    /// <summary>Rules between settings.</summary>
    private void CheckTogether()
    {
        if (_problems.Count > 0)
            return;

        var limits = _configuration.Limits;
        if (limits.LinkOutputBytesMax < limits.LinkHighWaterBytes)
        {
            const string output = "limits.linkOutputBytesMax";
            const string highWater = "limits.linkHighWaterBytes";
            string what = $"must not be below {highWater}: {limits.LinkOutputBytesMax} < {limits.LinkHighWaterBytes}";
            var origin = _origins.GetValueOrDefault(output, _origins.GetValueOrDefault(highWater));
            _problems.Add(new ConfigurationProblem(origin.Source, origin.Line, origin.Column, output, what));
            return;
        }

        try
        {
            limits.Validated();
        }
        catch (ArgumentOutOfRangeException e)
        {
            _problems.Add(new ConfigurationProblem("limits", 0, 0, e.ParamName, "is out of its range"));
        }
    }

    /// <summary>Where a value was said.</summary>
    private readonly record struct Origin(string Source, string? Name)
    {
        public int Line { get; init; }

        public int Column { get; init; }

        public override string ToString() => Line > 0 ? $"{Source}:{Line}" : Source == "environment" ? $"{Name}" : Source;
    }
}
