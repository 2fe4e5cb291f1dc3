namespace Whimbrel.Client;

/// <summary>The levels of a topic by the names that a filter gave them.</summary>
public readonly struct MqttRoute
{
    private readonly Subscriptions.TopicTemplate? _template;
    private readonly string _topic;

    internal MqttRoute(Subscriptions.TopicTemplate? template, string topic) => (_template, _topic) = (template, topic);

    /// <summary>The level of that name.</summary>
    /// <exception cref="KeyNotFoundException">The filter has no such name.</exception>
    public string this[string name] =>
        TryGetValue(name, out string? value) ? value : throw new KeyNotFoundException($"The filter has no level named '{name}'.");

    public bool TryGetValue(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? value)
    {
        value = null;
        return _template is not null && _template.TryGet(_topic, name, out value);
    }
}
