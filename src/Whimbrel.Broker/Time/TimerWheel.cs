namespace Whimbrel.Broker;

/// <summary>Something with a deadline. It checks what is really due, so that early or stale calls are harmless.</summary>
internal interface ITimed
{
    void OnTimer(Turn turn);
}

/// <summary>
/// All deadlines of the broker: a ring of slots, walked by the heartbeat. An entry costs one list element and is never cancelled;
/// whoever moves a deadline outwards lets the old entry fire and puts itself in again. Deadlines beyond one round stay in their slot.
/// </summary>
/// <remarks>Thread-safe. Entries are added at connect, disconnect and when they fire, never per message.</remarks>
internal sealed class TimerWheel(long now)
{
    /// <summary>How late a deadline may be met, in milliseconds, beside the heartbeat's own period.</summary>
    public const int SlotMilliseconds = 100;

    private const int SlotCount = 4096;

    private readonly Lock _lock = new();
    private readonly List<Entry>[] _slots = new List<Entry>[SlotCount];
    private long _walked = now / SlotMilliseconds;

    public void Add(ITimed target, long due)
    {
        lock (_lock)
        {
            long slot = Math.Max((due + SlotMilliseconds - 1) / SlotMilliseconds, _walked + 1);
            (_slots[slot % SlotCount] ??= new List<Entry>(1)).Add(new Entry(target, slot));
        }
    }

    /// <summary>Moves everything that is due at <paramref name="now"/> into <paramref name="due"/>, for calling outside the wheel's lock.</summary>
    public void Advance(long now, List<ITimed> due)
    {
        lock (_lock)
        {
            long target = now / SlotMilliseconds;
            // After a standstill longer than a round every slot is looked at once.
            long first = Math.Max(_walked + 1, target - SlotCount + 1);
            for (long slot = first; slot <= target; slot++)
                Take(slot, target, due);
            _walked = Math.Max(_walked, target);
        }
    }

    private void Take(long slot, long target, List<ITimed> due)
    {
        if (_slots[slot % SlotCount] is not { Count: > 0 } entries)
            return;
        int kept = 0;
        for (int i = 0; i < entries.Count; i++)
        {
            if (entries[i].Slot <= target)
                due.Add(entries[i].Target);
            else
                entries[kept++] = entries[i];
        }

        entries.RemoveRange(kept, entries.Count - kept);
        if (kept == 0)
            _slots[slot % SlotCount] = null!;
    }

    private readonly record struct Entry(ITimed Target, long Slot);
}
