using System.Globalization;
using Whimbrel.Hosting;

namespace Whimbrel.Server;

/// <summary>
/// One row of the table of settings. Everything that reads, checks, shows or documents a setting goes through its row.
/// </summary>
/// <param name="key">The path in the file, such as <c>limits.receiveMaximum</c>.</param>
/// <param name="description">One sentence for people.</param>
internal abstract class Setting(string key, string description)
{
    public string Key { get; } = key;

    public string Description { get; } = description;

    /// <summary>The name of the environment variable; matched without regard to case.</summary>
    public string Variable => SettingNames.Variable(Key);

    /// <summary>What is right, as a phrase that follows "must be".</summary>
    public abstract string Expected { get; }

    /// <summary>Reads what an environment variable or an option says into the form that a file would have.</summary>
    public abstract SettingValue FromText(string text);

    /// <returns>Null, or why the value is not acceptable: a phrase that follows the key.</returns>
    public abstract string? TryApply(ref ServerConfiguration configuration, SettingValue value);

    public abstract SettingValue Show(ServerConfiguration configuration);

    protected string Wrong(SettingValue value) => $"must be {Expected}, not {value}";
}

internal sealed class NumberSetting(
    string key,
    long min,
    long max,
    Func<ServerConfiguration, long> get,
    Func<ServerConfiguration, long, ServerConfiguration> set,
    string description) : Setting(key, description)
{
    public override string Expected =>
        $"a whole number from {min.ToString("N0", CultureInfo.InvariantCulture)} to {max.ToString("N0", CultureInfo.InvariantCulture)}";

    public override SettingValue FromText(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? SettingValue.Of(number)
            : SettingValue.Of(text);

    public override string? TryApply(ref ServerConfiguration configuration, SettingValue value)
    {
        if (value.Form == SettingForm.Text && FromText(value.Text) is { Form: SettingForm.Number } quoted)
            return $"{Wrong(value)}: write {quoted} without quotes";
        if (value.Form != SettingForm.Number || value.Number < min || value.Number > max)
            return Wrong(value);
        configuration = set(configuration, value.Number);
        return null;
    }

    public override SettingValue Show(ServerConfiguration configuration) => SettingValue.Of(get(configuration));
}

internal sealed class FlagSetting(
    string key,
    Func<ServerConfiguration, bool> get,
    Func<ServerConfiguration, bool, ServerConfiguration> set,
    string description) : Setting(key, description)
{
    public override string Expected => "true or false";

    public override SettingValue FromText(string text) => text.ToLowerInvariant() switch
    {
        "true" or "1" or "yes" or "on" => SettingValue.Of(true),
        "false" or "0" or "no" or "off" => SettingValue.Of(false),
        _ => SettingValue.Of(text),
    };

    public override string? TryApply(ref ServerConfiguration configuration, SettingValue value)
    {
        if (value is { Form: SettingForm.Text, Text: "true" or "false" })
            return $"{Wrong(value)}: write {value.Text} without quotes";
        if (value.Form != SettingForm.Boolean)
            return Wrong(value);
        configuration = set(configuration, value.IsTrue);
        return null;
    }

    public override SettingValue Show(ServerConfiguration configuration) => SettingValue.Of(get(configuration));
}

/// <summary>One of a few words.</summary>
internal sealed class ChoiceSetting<T>(
    string key,
    (string Word, T Value)[] choices,
    Func<ServerConfiguration, T> get,
    Func<ServerConfiguration, T, ServerConfiguration> set,
    string description) : Setting(key, description)
    where T : struct, Enum
{
    public override string Expected =>
        string.Join(", ", choices[..^1].Select(c => $"\"{c.Word}\"")) + $" or \"{choices[^1].Word}\"";

    public override SettingValue FromText(string text) => SettingValue.Of(text);

    public override string? TryApply(ref ServerConfiguration configuration, SettingValue value)
    {
        if (value.Form == SettingForm.Text)
        {
            foreach (var (word, choice) in choices)
            {
                if (word.Equals(value.Text, StringComparison.OrdinalIgnoreCase))
                {
                    configuration = set(configuration, choice);
                    return null;
                }
            }

            if (Spelling.Nearest(value.Text, choices.Select(c => c.Word)) is { } nearest)
                return $"{Wrong(value)}; did you mean \"{nearest}\"?";
        }

        return Wrong(value);
    }

    public override SettingValue Show(ServerConfiguration configuration)
    {
        var current = get(configuration);
        foreach (var (word, choice) in choices)
        {
            if (EqualityComparer<T>.Default.Equals(choice, current))
                return SettingValue.Of(word);
        }

        return SettingValue.Of(current.ToString());
    }
}

internal sealed class TextSetting(
    string key,
    Func<ServerConfiguration, string?> get,
    Func<ServerConfiguration, string?, ServerConfiguration> set,
    bool nullable,
    string description) : Setting(key, description)
{
    public override string Expected => nullable ? "a text, or null for none" : "a text";

    public override SettingValue FromText(string text) => SettingValue.Of(text.Length == 0 && nullable ? null : text);

    public override string? TryApply(ref ServerConfiguration configuration, SettingValue value)
    {
        if (value.Form != SettingForm.Text && !(nullable && value.Form == SettingForm.Null))
            return Wrong(value);
        configuration = set(configuration, value.Form == SettingForm.Null ? null : value.Text);
        return null;
    }

    public override SettingValue Show(ServerConfiguration configuration) => SettingValue.Of(get(configuration));
}

/// <summary>The endpoints to listen on.</summary>
internal sealed class ListenSetting(string key, string description) : Setting(key, description)
{
    private static readonly char[] Separators = [',', ' ', '\t', '\n', '\r'];

    public override string Expected => "a list of endpoints such as [\"mqtt://localhost:1883\", \"unix:///run/whimbrel.sock\"]";

    public override SettingValue FromText(string text) =>
        SettingValue.Of(text.Split(Separators, StringSplitOptions.RemoveEmptyEntries).Select(SettingValue.Of).ToArray());

    public override string? TryApply(ref ServerConfiguration configuration, SettingValue value)
    {
        if (value.Form == SettingForm.Text)
            return $"{Wrong(value)}: put it in brackets, [{value}]";
        if (value.Form != SettingForm.List)
            return Wrong(value);
        if (value.Items.Count == 0)
            return "must name at least one endpoint";

        var endpoints = new List<ListenEndpoint>(value.Items.Count);
        foreach (var item in value.Items)
        {
            if (item.Form != SettingForm.Text)
                return $"must be {Expected}; {item} is not a text";
            try
            {
                endpoints.Add(ListenEndpoint.Parse(item.Text));
            }
            catch (FormatException e)
            {
                return e.Message;
            }
        }

        configuration = configuration with { Listen = endpoints };
        return null;
    }

    public override SettingValue Show(ServerConfiguration configuration) =>
        SettingValue.Of(configuration.Listen.Select(e => SettingValue.Of(e.ToString())).ToArray());
}
