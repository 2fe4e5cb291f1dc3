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

    /// <summary>Puts the value into the configuration, or says what is wrong with it.</summary>
    public abstract void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain);

    public abstract SettingValue Show(ServerConfiguration configuration);

    /// <summary>Receives what is wrong: the value (or item) concerned and a phrase that follows the key.</summary>
    public delegate void Complain(SettingValue value, string what);

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

    public override void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain)
    {
        if (value.Form == SettingForm.Number && value.Number >= min && value.Number <= max)
            configuration = set(configuration, value.Number);
        else if (value.Form == SettingForm.Text && FromText(value.Text) is { Form: SettingForm.Number } quoted)
            complain(value, $"{Wrong(value)}: write {quoted} without quotes");
        else
            complain(value, Wrong(value));
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

    public override void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain)
    {
        if (value.Form == SettingForm.Boolean)
            configuration = set(configuration, value.IsTrue);
        else if (value is { Form: SettingForm.Text, Text: "true" or "false" })
            complain(value, $"{Wrong(value)}: write {value.Text} without quotes");
        else
            complain(value, Wrong(value));
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

    public override void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain)
    {
        if (value.Form == SettingForm.Text)
        {
            foreach (var (word, choice) in choices)
            {
                if (word.Equals(value.Text, StringComparison.OrdinalIgnoreCase))
                {
                    configuration = set(configuration, choice);
                    return;
                }
            }

            if (Spelling.Nearest(value.Text, choices.Select(c => c.Word)) is { } nearest)
            {
                complain(value, $"{Wrong(value)}; did you mean \"{nearest}\"?");
                return;
            }
        }

        complain(value, Wrong(value));
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

    public override void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain)
    {
        if (value.Form == SettingForm.Text)
            configuration = set(configuration, value.Text);
        else if (nullable && value.Form == SettingForm.Null)
            configuration = set(configuration, null);
        else
            complain(value, Wrong(value));
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

    public override void Apply(SettingValue value, ref ServerConfiguration configuration, Complain complain)
    {
        if (value.Form != SettingForm.List)
        {
            complain(value, value.Form == SettingForm.Text ? $"{Wrong(value)}: put it in brackets, [{value}]" : Wrong(value));
            return;
        }

        if (value.Items.Count == 0)
            complain(value, "must name at least one endpoint");

        var endpoints = new List<ListenEndpoint>(value.Items.Count);
        foreach (var item in value.Items)
        {
            if (item.Form != SettingForm.Text)
            {
                complain(item, $"must be {Expected}; {item} is not a text");
                continue;
            }

            try
            {
                endpoints.Add(ListenEndpoint.Parse(item.Text));
            }
            catch (FormatException e)
            {
                complain(item, e.Message.TrimEnd('.'));
            }
        }

        configuration = configuration with { Listen = endpoints };
    }

    public override SettingValue Show(ServerConfiguration configuration) =>
        SettingValue.Of(configuration.Listen.Select(e => SettingValue.Of(e.ToString())).ToArray());
}
