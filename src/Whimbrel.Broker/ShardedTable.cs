using System.Collections.Concurrent;

namespace Whimbrel.Broker;

/// <summary>
/// A hash table in pieces: a large one that grows would let everybody wait while it moves, this one moves a small part at a time.
/// Looking up takes no lock.
/// </summary>
/// <typeparam name="TKey">What is kept as a key.</typeparam>
/// <typeparam name="TSpan">What is looked up by, which costs no copy.</typeparam>
/// <typeparam name="TValue">What is found.</typeparam>
internal sealed class ShardedTable<TKey, TSpan, TValue>
    where TKey : notnull
    where TSpan : notnull, allows ref struct
    where TValue : class
{
    private const int ShardBits = 6;

    private readonly ConcurrentDictionary<TKey, TValue>[] _shards = new ConcurrentDictionary<TKey, TValue>[1 << ShardBits];
    private readonly ConcurrentDictionary<TKey, TValue>.AlternateLookup<TSpan>[] _lookups = new ConcurrentDictionary<TKey, TValue>.AlternateLookup<TSpan>[1 << ShardBits];
    private readonly IEqualityComparer<TKey> _comparer;
    private readonly IAlternateEqualityComparer<TSpan, TKey> _spanComparer;

    /// <param name="comparer">Also an <see cref="IAlternateEqualityComparer{TAlternate,T}"/> for <typeparamref name="TSpan"/>.</param>
    public ShardedTable(IEqualityComparer<TKey> comparer)
    {
        _comparer = comparer;
        _spanComparer = (IAlternateEqualityComparer<TSpan, TKey>)comparer;
        for (int i = 0; i < _shards.Length; i++)
        {
            _shards[i] = new ConcurrentDictionary<TKey, TValue>(concurrencyLevel: 1, capacity: 1, comparer);
            _lookups[i] = _shards[i].GetAlternateLookup<TSpan>();
        }
    }

    public IEnumerable<TValue> Values => _shards.SelectMany(shard => shard.Values);

    public bool TryGet(TSpan key, out TValue? value) => _lookups[ShardOf(_spanComparer.GetHashCode(key))].TryGetValue(key, out value);

    public TValue GetOrAdd(TKey key, TValue value) => ShardWith(key).GetOrAdd(key, value);

    public bool TryAdd(TKey key, TValue value) => ShardWith(key).TryAdd(key, value);

    public bool TryRemove(TSpan key) => _lookups[ShardOf(_spanComparer.GetHashCode(key))].TryRemove(key, out _);

    /// <summary>Removes the entry if it has this value still.</summary>
    public bool TryRemove(TKey key, TValue value) => ShardWith(key).TryRemove(new KeyValuePair<TKey, TValue>(key, value));

    private ConcurrentDictionary<TKey, TValue> ShardWith(TKey key) => _shards[ShardOf(_comparer.GetHashCode(key))];

    // The upper bits: a dictionary uses the whole modulo its size.
    private static int ShardOf(int hash) => (int)((uint)hash >> (32 - ShardBits));
}
