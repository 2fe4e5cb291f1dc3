namespace Whimbrel.Broker;

/// <summary>
/// A hash table in pieces: a large one that grows would let everybody wait while it moves, this one moves a small part at a time.
/// Thread-safe; looking up takes no lock.
/// </summary>
internal sealed class ShardedTable<TKey, TValue, TKeyed>
    where TKey : allows ref struct
    where TValue : class
    where TKeyed : struct, IKeyed<TKey, TValue>
{
    private const int ShardBits = 6;

    private readonly LookupTable<TKey, TValue, TKeyed>[] _shards = [.. Enumerable.Range(0, 1 << ShardBits).Select(_ => new LookupTable<TKey, TValue, TKeyed>())];

    public IEnumerable<TValue> Values
    {
        get
        {
            foreach (LookupTable<TKey, TValue, TKeyed> shard in _shards)
            {
                TValue[] values;
                lock (shard)
                    values = shard.ToArray();
                foreach (TValue value in values)
                    yield return value;
            }
        }
    }

    public bool TryGet(TKey key, out TValue? value) => ShardWith(key).TryGet(key, out value);

    /// <summary>Adds a value unless another one has its key; gives the one that is there now.</summary>
    public TValue GetOrAdd(TValue value)
    {
        TKey key = TKeyed.KeyOf(value);
        LookupTable<TKey, TValue, TKeyed> shard = ShardWith(key);
        lock (shard)
        {
            if (shard.TryGet(key, out TValue? there))
                return there!;
            shard.Add(value);
            return value;
        }
    }

    /// <summary>Removes a value; false when it is not there.</summary>
    public bool TryRemove(TValue value)
    {
        TKey key = TKeyed.KeyOf(value);
        LookupTable<TKey, TValue, TKeyed> shard = ShardWith(key);
        lock (shard)
        {
            if (!shard.TryGet(key, out TValue? there) || !ReferenceEquals(there, value))
                return false;
            shard.Remove(value);
            return true;
        }
    }

    /// <summary>Puts another value with the same key in the place of one that is there.</summary>
    public void Replace(TValue old, TValue value)
    {
        LookupTable<TKey, TValue, TKeyed> shard = ShardWith(TKeyed.KeyOf(old));
        lock (shard)
            shard.Replace(old, value);
    }

    // The upper bits: a table uses the lower ones.
    private LookupTable<TKey, TValue, TKeyed> ShardWith(TKey key) => _shards[(uint)TKeyed.HashOf(key) >> (32 - ShardBits)];
}
