namespace Whimbrel.Broker;

/// <summary>The subscriptions of one session, by filter. Guarded by the session's gate.</summary>
/// <remarks>A part of its session: most sessions have one subscription or none, and then it is one word.</remarks>
internal struct SessionSubscriptions
{
    // Null, the only one, or a table.
    private object? _all;

    public readonly int Count => _all switch
    {
        null => 0,
        Subscription => 1,
        _ => Table.Count,
    };

    private readonly LookupTable<ReadOnlySpan<byte>, Subscription, ByFilter<Subscription>> Table => (LookupTable<ReadOnlySpan<byte>, Subscription, ByFilter<Subscription>>)_all!;

    public readonly bool TryGet(ReadOnlySpan<byte> filter, out Subscription? subscription)
    {
        if (_all is not (null or Subscription))
            return Table.TryGet(filter, out subscription);
        subscription = _all is Subscription only && only.Filter.SequenceEqual(filter) ? only : null;
        return subscription is not null;
    }

    /// <summary>Adds one whose filter is not there.</summary>
    public void Add(Subscription subscription)
    {
        if (_all is null)
        {
            _all = subscription;
            return;
        }

        if (_all is Subscription only)
        {
            _all = new LookupTable<ReadOnlySpan<byte>, Subscription, ByFilter<Subscription>>();
            Table.Add(only);
        }

        Table.Add(subscription);
    }

    /// <summary>Removes one that was added.</summary>
    public void Remove(Subscription subscription)
    {
        if (_all is Subscription)
            _all = null;
        else
            Table.Remove(subscription);
    }

    /// <summary>All of them, which it holds no longer.</summary>
    public Subscription[] TakeAll()
    {
        Subscription[] all = _all switch
        {
            null => [],
            Subscription only => [only],
            _ => Table.ToArray(),
        };
        _all = null;
        return all;
    }
}
