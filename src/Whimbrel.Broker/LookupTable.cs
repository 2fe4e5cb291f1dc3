using System.Numerics;

namespace Whimbrel.Broker;

/// <summary>How values are found by a key that is part of them.</summary>
internal interface IKeyed<TKey, TValue>
    where TKey : allows ref struct
{
    static abstract TKey KeyOf(TValue value);

    static abstract int HashOf(TKey key);

    static abstract bool AreSame(TKey one, TKey other);
}

/// <summary>
/// A hash table of values that carry their keys, for many small entries: 15 to 30 bytes each, and none of the runtime's objects. A table of
/// a few is a plain array.
/// </summary>
/// <remarks>
/// Looking up takes no lock; changes are made by one thread at a time. A look-up may miss a value that is being added and may find one that
/// is being removed, as if it had come a moment earlier or later, but never misses one that stays. (A removed value leaves its hash behind,
/// so that whoever probes past it goes on; what stands in an array never moves within it.)
/// </remarks>
internal sealed class LookupTable<TKey, TValue, TKeyed>
    where TKey : allows ref struct
    where TValue : class
    where TKeyed : struct, IKeyed<TKey, TValue>
{
    private const int FewMax = 8;

    private TValue?[] _few = [];
    private Slots? _slots;

    public int Count { get; private set; }

    /// <summary>
    /// The values and holes, not a copy: whoever goes through them meets everything that stays, and may meet what comes and goes meanwhile.
    /// </summary>
    public TValue?[] Places => _slots?.Values ?? _few;

    public bool TryGet(TKey key, out TValue? value)
    {
        while (true)
        {
            if (Volatile.Read(ref _slots) is { } slots)
                return slots.TryGet(key, out value);
            TValue?[] few = Volatile.Read(ref _few);
            foreach (TValue? one in few)
            {
                if (one is not null && TKeyed.AreSame(TKeyed.KeyOf(one), key))
                {
                    value = one;
                    return true;
                }
            }

            value = null;
            // Unless the few have become many meanwhile, or many have become few again.
            if (Volatile.Read(ref _slots) is null && ReferenceEquals(few, Volatile.Read(ref _few)))
                return false;
        }
    }

    /// <summary>Adds a value whose key is not there.</summary>
    public void Add(TValue value)
    {
        if (_slots is null && Count < FewMax)
        {
            AddToFew(value);
        }
        else if (_slots is { HasRoom: true } slots)
        {
            slots.Add(value);
        }
        else
        {
            Rebuild();
            Add(value);
            return;
        }

        Count++;
    }

    /// <summary>Removes a value that was added.</summary>
    public void Remove(TValue value)
    {
        Count--;
        if (_slots is { } slots)
        {
            slots.Set(value, null);
            if (Count < slots.Capacity / 8)
                Rebuild();
        }
        else
        {
            _few[Array.IndexOf(_few, value)] = null;
        }
    }

    /// <summary>Puts another value with the same key in the place of one that was added.</summary>
    public void Replace(TValue old, TValue value)
    {
        if (_slots is { } slots)
            slots.Set(old, value);
        else
            _few[Array.IndexOf(_few, old)] = value;
    }

    /// <summary>The values of now, as a copy.</summary>
    public TValue[] ToArray()
    {
        var values = new TValue[Count];
        int length = 0;
        foreach (TValue? value in Places)
        {
            if (value is not null)
                values[length++] = value;
        }

        return values;
    }

    private void AddToFew(TValue value)
    {
        int free = Array.IndexOf(_few, null);
        if (free >= 0)
        {
            _few[free] = value;
            return;
        }

        var more = new TValue?[Math.Max(1, _few.Length * 2)];
        _few.CopyTo(more, 0);
        more[_few.Length] = value;
        Volatile.Write(ref _few, more);
    }

    private void Rebuild()
    {
        TValue[] values = ToArray();
        if (values.Length < FewMax)
        {
            Volatile.Write(ref _few, values);
            Volatile.Write(ref _slots, null);
            return;
        }

        var slots = new Slots((int)BitOperations.RoundUpToPowerOf2((uint)values.Length * 2));
        foreach (TValue value in values)
            slots.Add(value);
        Volatile.Write(ref _slots, slots);
        // Nothing, and another nothing each time: see TryGet.
        Volatile.Write(ref _few, new TValue?[1]);
    }

    private static uint HashOf(TKey key) => TKeyed.HashOf(key) is int hash and not 0 ? (uint)hash : 1;

    /// <summary>Open addressing with a step of one. A hash of 0 is a place that was never used.</summary>
    private sealed class Slots(int capacity)
    {
        private readonly uint[] _hashes = new uint[capacity];
        private int _used;

        public TValue?[] Values { get; } = new TValue?[capacity];

        public int Capacity => Values.Length;

        /// <summary>
        /// Whether fewer than 13 of 16 places are used. At that, who finds nothing has looked at some 15 hashes, one or two lines of the cache.
        /// </summary>
        public bool HasRoom => _used < Capacity - (Capacity * 3 / 16);

        public bool TryGet(TKey key, out TValue? value)
        {
            uint hash = HashOf(key);
            uint[] hashes = _hashes;
            int mask = hashes.Length - 1;
            for (int i = (int)hash & mask; ; i = (i + 1) & mask)
            {
                uint found = Volatile.Read(ref hashes[i]);
                if (found == 0)
                {
                    value = null;
                    return false;
                }

                if (found == hash && Values[i] is { } one && TKeyed.AreSame(TKeyed.KeyOf(one), key))
                {
                    value = one;
                    return true;
                }
            }
        }

        public void Add(TValue value)
        {
            uint hash = HashOf(TKeyed.KeyOf(value));
            int mask = Capacity - 1;
            int i = (int)hash & mask;
            while (_hashes[i] != 0 && Values[i] is not null)
                i = (i + 1) & mask;
            if (_hashes[i] == 0)
                _used++;
            // The value first: whoever finds the hash finds the value, and compares its key.
            Values[i] = value;
            Volatile.Write(ref _hashes[i], hash);
        }

        public void Set(TValue old, TValue? value)
        {
            uint hash = HashOf(TKeyed.KeyOf(old));
            int mask = Capacity - 1;
            int i = (int)hash & mask;
            while (!ReferenceEquals(Values[i], old))
                i = (i + 1) & mask;
            Values[i] = value;
            // Nobody probes past a place that an unused one follows.
            while (Values[i] is null && _hashes[i] != 0 && _hashes[(i + 1) & mask] == 0)
            {
                Volatile.Write(ref _hashes[i], 0);
                _used--;
                i = (i - 1) & mask;
            }
        }
    }
}
