namespace Whimbrel.Broker;

/// <summary>Something with a deadline. It checks what is really due, so that early or stale calls are harmless.</summary>
internal interface ITimed
{
    void OnTimer(Turn turn);
}

/// <summary>
/// All deadlines of the broker: a ring of slots, walked by the heartbeat. An entry costs one list element and is never cancelled;
/// whoever moves a deadline outwards lets the old entry fire and puts itself in again. A deadline beyond one round of the ring fires
/// early, at the round's end, so that nothing that has ended stays in memory for longer than that.
/// </summary>
/// <remarks>Thread-safe. Entries are added at connect, disconnect and when they fire, never per message.</remarks>
internal sealed class TimerWheel(long now)
{
    /// <summary>How late a deadline may be met, in milliseconds, beside the heartbeat's own period.</summary>
    public const int SlotMilliseconds = 100;

    private const int SlotCount = 4096;

    private readonly Lock _lock = new();
    private readonly List<ITimed>?[] _slots = new List<ITimed>?[SlotCount];
    private long _walked = now / SlotMilliseconds;

    /// <summary>Entries that have not fired. Counts them one by one.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _slots.Sum(slot => slot?.Count ?? 0);
        }
    }

    /// <returns>When the entry will fire: at the deadline or, if that is far away, before.</returns>
    public long Add(ITimed target, long due)
    {
        lock (_lock)
        {
            long exact = (due / SlotMilliseconds) + (due % SlotMilliseconds == 0 ? 0 : 1);
            long slot = Math.Clamp(exact, _walked + 1, _walked + SlotCount - 1);
            (_slots[slot % SlotCount] ??= new List<ITimed>(1)).Add(target);
            return slot * SlotMilliseconds;
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
            {
                if (_slots[slot % SlotCount] is { } targets)
                {
                    due.AddRange(targets);
                    _slots[slot % SlotCount] = null;
                }
            }

            _walked = Math.Max(_walked, target);
        }
    }
}
