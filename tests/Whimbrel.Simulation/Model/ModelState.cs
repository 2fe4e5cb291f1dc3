using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>A message of a shared subscription that nobody has acknowledged yet.</summary>
/// <param name="Holder">The session that it was sent to, or null.</param>
internal sealed record SharedOwed(string Filter, Publication Publication, long Op, IReadOnlyList<string> Members, string? Holder = null)
{
    public bool IsDurable { get; init; }

    /// <summary>Whether it may have ended with a session that held it.</summary>
    public bool MayBeLost { get; init; }
}

/// <summary>A value of a retained topic, null after it was cleared, from an operation on.</summary>
internal readonly record struct RetainedValue(Publication? Publication, long Op);

/// <summary>Everything that a broker remembers, as one value that can be copied.</summary>
internal sealed class ModelState
{
    /// <summary>How many operations led here.</summary>
    public long Ops { get; set; }

    public SortedDictionary<string, ModelSession> Sessions { get; } = new(StringComparer.Ordinal);

    /// <summary>All values that a topic had, the last one last.</summary>
    public SortedDictionary<string, List<RetainedValue>> Retained { get; } = new(StringComparer.Ordinal);

    public List<SharedOwed> Shared { get; } = [];

    public IEnumerable<Publication> RetainedNow => Retained.Values.Select(values => values[^1].Publication).OfType<Publication>();

    public ModelSession? SessionOf(long link)
    {
        foreach (ModelSession session in Sessions.Values)
        {
            if (session.Link == link)
                return session;
        }

        return null;
    }

    /// <summary>Sessions that have a shared subscription.</summary>
    public IEnumerable<ModelSession> MembersOf(string filter) => Sessions.Values.Where(session => session.Subscriptions.ContainsKey(filter));

    /// <summary>A member dropped a copy by name: perhaps one that it got through a group.</summary>
    public void SharedDrop(string client, string topic)
    {
        for (int i = 0; i < Shared.Count; i++)
        {
            if (Shared[i].Publication.Topic == topic && Sessions.TryGetValue(client, out ModelSession? session) && session.Groups.Contains(Shared[i].Filter))
                Shared[i] = Shared[i] with { MayBeLost = true };
        }
    }

    /// <summary>A message expired between two members of a group.</summary>
    public void SharedExpired(string topic, long now)
    {
        for (int i = 0; i < Shared.Count; i++)
        {
            if (Shared[i].Publication.Topic == topic && Shared[i].Publication.ExpiresAt <= now)
                Shared[i] = Shared[i] with { MayBeLost = true };
        }
    }

    public ModelState Copy()
    {
        var copy = new ModelState { Ops = Ops };
        foreach ((string client, ModelSession session) in Sessions)
            copy.Sessions.Add(client, session.Copy());
        foreach ((string topic, List<RetainedValue> values) in Retained)
            copy.Retained.Add(topic, [.. values]);
        copy.Shared.AddRange(Shared);
        return copy;
    }

    /// <summary>Matching as section 4.7 tells it, level by level.</summary>
    public static bool Matches(string filter, string topic)
    {
        string[] filterLevels = filter.Split('/');
        string[] topicLevels = topic.Split('/');
        if (topic.StartsWith('$') && (filterLevels[0] is "+" or "#"))
            return false;
        for (int i = 0; i < filterLevels.Length; i++)
        {
            if (filterLevels[i] == "#")
                return true;
            if (i >= topicLevels.Length || (filterLevels[i] != "+" && filterLevels[i] != topicLevels[i]))
                return false;
            if (i == topicLevels.Length - 1 && filterLevels.Length == i + 2 && filterLevels[i + 1] == "#")
                return true;
        }

        return filterLevels.Length == topicLevels.Length;
    }

    public static QoS Lower(QoS a, QoS b) => a < b ? a : b;
}
