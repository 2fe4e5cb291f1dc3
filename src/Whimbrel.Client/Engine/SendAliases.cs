namespace Whimbrel.Client.Engine;

/// <summary>
/// Chooses which topics get the numbers that the server allows on this connection: those that come again and are long enough to gain by it.
/// The number that was used longest ago is given anew. Not thread-safe.
/// </summary>
internal sealed class SendAliases(int maximum)
{
    /// <summary>A topic shorter than this costs less than the property that replaces it and its lookup.</summary>
    private const int TopicLengthMin = 12;

    // The alias of a topic, or 0 for one that came once.
    private readonly Dictionary<string, int> _known = [];
    private readonly string?[] _topics = new string?[maximum];
    private readonly long[] _used = new long[maximum];
    private long _clock;
    private string? _lastTopic;
    private int _lastAlias;

    /// <summary>The topic's alias, or 0. <paramref name="isNew"/>: the topic must be sent along this time.</summary>
    public ushort Get(string topic, out bool isNew)
    {
        isNew = false;
        if (ReferenceEquals(topic, _lastTopic))
        {
            _used[_lastAlias - 1] = ++_clock;
            return (ushort)_lastAlias;
        }

        if (maximum == 0 || topic.Length < TopicLengthMin)
            return 0;
        if (!_known.TryGetValue(topic, out int alias))
        {
            if (_known.Count >= (4 * maximum) + 64)
                ForgetCandidates();
            _known.Add(topic, 0);
            return 0;
        }

        if (alias == 0)
        {
            alias = Give(topic);
            isNew = true;
        }

        _used[alias - 1] = ++_clock;
        (_lastTopic, _lastAlias) = (topic, alias);
        return (ushort)alias;
    }

    private int Give(string topic)
    {
        int place = 0;
        for (int i = 1; i < maximum && _topics[place] is not null; i++)
        {
            if (_topics[i] is null || _used[i] < _used[place])
                place = i;
        }

        if (_topics[place] is { } old)
            _known.Remove(old);
        if (ReferenceEquals(_lastTopic, _topics[place]))
            _lastTopic = null;
        _topics[place] = topic;
        _known[topic] = place + 1;
        return place + 1;
    }

    private void ForgetCandidates()
    {
        foreach ((string topic, int alias) in _known)
        {
            if (alias == 0)
                _known.Remove(topic);
        }
    }
}
