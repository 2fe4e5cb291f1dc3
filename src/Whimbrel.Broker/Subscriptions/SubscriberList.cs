namespace Whimbrel.Broker;

/// <summary>
/// The subscriptions of one filter: appended and removed under the tree's lock, read by any thread without one.
/// </summary>
/// <remarks>
/// A reader walks the whole of whichever array it finds, holes and unused places included; it may miss an entry that is being added and
/// may still see one that is being removed, as if it had come a moment earlier or later, but never misses one that stays. (Reading the
/// length as well would: paired with an older array, a newer, smaller length cuts off entries that stayed.) Removing leaves a hole; the
/// array is rebuilt when half of it is holes, so that adding and removing cost constant time on average even for a filter with very many
/// subscribers.
/// </remarks>
internal sealed class SubscriberList : SubscriberSet
{
    private Subscription?[] _items = new Subscription?[2];
    private int _length;
    private int _count;

    /// <summary>A second one joins the first.</summary>
    public SubscriberList(Subscription first, Subscription second)
        : base(first)
    {
        Add(first);
        Add(second);
    }

    /// <summary>Entries that are not holes. Only under the tree's lock.</summary>
    public int Count => _count;

    public void Add(Subscription subscription)
    {
        if (_length == _items.Length)
            Rebuild();
        subscription.Slot = _length;
        Volatile.Write(ref _items[_length], subscription);
        _length++;
        _count++;
    }

    public void Remove(Subscription subscription)
    {
        if (subscription.Slot < 0)
            return;
        _items[subscription.Slot] = null;
        subscription.Slot = -1;
        _count--;
        if (_length > 8 && _count < _length / 2)
            Rebuild();
    }

    public void CopyTo(MatchList matches)
    {
        foreach (Subscription? item in Volatile.Read(ref _items))
        {
            if (item is not null)
                matches.Add(item);
        }
    }

    private void Rebuild()
    {
        var items = new Subscription?[Math.Max(1, _count * 2)];
        int length = 0;
        foreach (Subscription? item in _items.AsSpan(0, _length))
        {
            if (item is null)
                continue;
            item.Slot = length;
            items[length++] = item;
        }

        Volatile.Write(ref _items, items);
        _length = length;
    }
}

/// <summary>The result of one look-up, used again and again by one thread.</summary>
internal sealed class MatchList
{
    private Subscription[] _items = new Subscription[16];

    public int Count { get; private set; }

    /// <summary>How many sets went in; with one no session can stand in it twice.</summary>
    public int Sets { get; private set; }

    public Span<Subscription> Items => _items.AsSpan(0, Count);

    public void Add(Subscription subscription)
    {
        if (Count == _items.Length)
            Array.Resize(ref _items, Count * 2);
        _items[Count++] = subscription;
    }

    public void AddSet(SubscriberSet? set)
    {
        if (set is null)
            return;
        Sets++;
        if (set is Subscription one)
            Add(one);
        else
            ((SubscriberList)set).CopyTo(this);
    }

    public void Clear()
    {
        Items.Clear();
        Count = 0;
        Sets = 0;
    }
}
