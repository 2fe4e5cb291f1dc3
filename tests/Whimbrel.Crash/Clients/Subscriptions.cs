namespace Whimbrel.Crash.Clients;

/// <summary>What a client wants to be subscribed to, and what it may be: the difference is what it asks for next, one request at a time.</summary>
internal sealed class Subscriptions(IReadOnlyList<PlannedFilter> planned)
{
    private readonly HashSet<PlannedFilter> _wanted = [.. planned];
    private readonly HashSet<PlannedFilter> _possible = [];
    private readonly HashSet<PlannedFilter> _sure = [];
    private SubscriptionRequest? _pending;

    /// <summary>Everything stands as it is wanted.</summary>
    public bool IsSettled => _pending is null && _sure.SetEquals(_wanted) && _possible.SetEquals(_wanted);

    public void WantAll() => _wanted.UnionWith(planned);

    /// <summary>Changes its mind about one of the filters.</summary>
    public void Toggle(PlannedFilter filter)
    {
        if (!_wanted.Add(filter))
            _wanted.Remove(filter);
    }

    /// <summary>What to ask for now, if anything.</summary>
    public SubscriptionRequest? Next()
    {
        if (_pending is not null)
            return null;
        PlannedFilter[] missing = [.. planned.Where(f => _wanted.Contains(f) && !_sure.Contains(f))];
        PlannedFilter[] surplus = [.. planned.Where(f => _possible.Contains(f) && !_wanted.Contains(f))];
        if (missing.Length == 0 && surplus.Length == 0)
            return null;
        _pending = new SubscriptionRequest(missing.Length > 0, missing.Length > 0 ? missing : surplus);
        if (_pending.IsSubscribe)
            _possible.UnionWith(missing);
        else
            _sure.ExceptWith(surplus);
        return _pending;
    }

    /// <summary>The answer came: returns what it answers, or null if that is of the other kind.</summary>
    public SubscriptionRequest? End(bool isSubscribe)
    {
        if (_pending is not { } answered || answered.IsSubscribe != isSubscribe)
            return null;
        _pending = null;
        if (isSubscribe)
            _sure.UnionWith(answered.Filters);
        else
            _possible.ExceptWith(answered.Filters);
        return answered;
    }

    /// <summary>A new connection to the same session: what was asked for and not answered stays in doubt, and is asked for again.</summary>
    public void Resume() => _pending = null;

    /// <summary>The session is gone.</summary>
    public void Forget()
    {
        _pending = null;
        _possible.Clear();
        _sure.Clear();
    }

    public override string ToString() => $"{_sure.Count} of {_wanted.Count} subscriptions{(_pending is null ? "" : ", one request open")}";
}

internal sealed record SubscriptionRequest(bool IsSubscribe, IReadOnlyList<PlannedFilter> Filters);
