using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Client.Subscriptions;

/// <summary>A filter with names for its wildcards: <c>home/{room}/temp</c>, <c>logs/{*rest}</c>.</summary>
internal sealed class TopicTemplate
{
    private readonly string[] _names;

    private TopicTemplate(string filter, string[] names) => (Filter, _names) = (filter, names);

    /// <summary>What the server gets.</summary>
    public string Filter { get; }

    /// <summary>Makes a filter of a text that may have names in it. Null names: it has none.</summary>
    public static string Parse(string text, out TopicTemplate? template)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        template = null;
        if (!text.Contains('{', StringComparison.Ordinal))
            return text;
        string[] levels = text.Split('/');
        string[] names = new string[levels.Length];
        for (int i = 0; i < levels.Length; i++)
        {
            string level = levels[i];
            names[i] = "";
            if (!level.StartsWith('{') || !level.EndsWith('}'))
            {
                if (level.Contains('{', StringComparison.Ordinal) || level.Contains('}', StringComparison.Ordinal))
                    throw new ArgumentException($"'{text}': a name takes a whole level, as in home/{{room}}/temp.", nameof(text));
                continue;
            }

            bool isRest = level.StartsWith("{*", StringComparison.Ordinal);
            names[i] = level[(isRest ? 2 : 1)..^1];
            if (names[i].Length == 0 || names[i].AsSpan().ContainsAny("{}+#") || (isRest && i != levels.Length - 1))
                throw new ArgumentException($"'{text}': '{level}' is not a name.", nameof(text));
            if (Array.IndexOf(names, names[i], 0, i) >= 0)
                throw new ArgumentException($"'{text}': '{names[i]}' stands there twice.", nameof(text));
            levels[i] = isRest ? "#" : "+";
        }

        template = new TopicTemplate(string.Join('/', levels), names);
        return template.Filter;
    }

    public bool TryGet(string topic, string name, [NotNullWhen(true)] out string? value)
    {
        value = null;
        int at = Array.IndexOf(_names, name);
        if (at < 0 || name.Length == 0)
            return false;
        bool isRest = at == _names.Length - 1 && Filter.EndsWith('#');
        int start = 0;
        for (int level = 0; level < at; level++)
        {
            int slash = topic.IndexOf('/', start);
            if (slash < 0)
            {
                value = "";
                return isRest;
            }

            start = slash + 1;
        }

        int end = isRest ? -1 : topic.IndexOf('/', start);
        value = end < 0 ? topic[start..] : topic[start..end];
        return true;
    }
}
