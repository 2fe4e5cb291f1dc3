namespace Whimbrel.Hosting;

/// <summary>
/// The links of one loop by number: the number is the token that epoll gives back. A number is not given away again in the iteration
/// in which its link ended, because an event for it may still be waiting in the list. Loop thread only.
/// </summary>
internal sealed class LinkTable
{
    private readonly List<int> _removed = [];
    private readonly Stack<int> _free = new();
    private EpollLink?[] _links = new EpollLink?[16];
    private int _used;

    public int Count { get; private set; }

    public EpollLink? this[int slot] => _links[slot];

    public int Add(EpollLink link)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _used++;
            if (slot == _links.Length)
                Array.Resize(ref _links, slot * 2);
        }

        _links[slot] = link;
        Count++;
        return slot;
    }

    public void Remove(int slot)
    {
        if (slot < 0)
            return;
        _links[slot] = null;
        _removed.Add(slot);
        Count--;
    }

    public void FreeRemoved()
    {
        foreach (int slot in _removed)
            _free.Push(slot);
        _removed.Clear();
    }

    public void ForEach(Action<EpollLink> action)
    {
        for (int i = 0; i < _used; i++)
        {
            if (_links[i] is { } link)
                action(link);
        }
    }
}
