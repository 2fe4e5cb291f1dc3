namespace Whimbrel.Hosting;

/// <summary>
/// Keeps blocks of memory for output and for partial frames, by size class. A connection holds a block only while something is unsent
/// or incomplete, so the pool and not the connections decides how much memory traffic costs.
/// </summary>
/// <remarks>
/// Blocks are allocated pinned, so the kernel may read them without a handle. Thread-safe. A block longer than the largest class is
/// made for one use and left to the garbage collector.
/// </remarks>
internal sealed class BlockPool
{
    /// <summary>Where output begins: one page holds what a turn usually has for one link.</summary>
    public const int OutputBlock = 4096;

    /// <summary>The longest block that is kept.</summary>
    public const int LargestBlock = 1 << 20;

    // 512 bytes for the beginning of a frame; above that powers of four.
    private static readonly int[] Sizes = [512, OutputBlock, 16 * 1024, 64 * 1024, 256 * 1024, LargestBlock];

    private readonly Shelf[] _shelves;

    /// <param name="shelfBytesMax">The most that is kept unused in each size class, in bytes.</param>
    public BlockPool(int shelfBytesMax = 32 * 1024 * 1024)
    {
        _shelves = Array.ConvertAll(Sizes, size => new Shelf(Math.Max(1, shelfBytesMax / size)));
    }

    /// <summary>Memory has no owner, so all brokers of a process share one pool.</summary>
    public static BlockPool Shared { get; } = new();

    /// <summary>Gives a block of at least <paramref name="size"/> bytes with arbitrary content.</summary>
    public byte[] Rent(int size)
    {
        for (int i = 0; i < Sizes.Length; i++)
        {
            if (size <= Sizes[i])
                return _shelves[i].TryTake() ?? GC.AllocateUninitializedArray<byte>(Sizes[i], pinned: true);
        }

        return GC.AllocateUninitializedArray<byte>(size, pinned: true);
    }

    /// <summary>Takes a block back. The caller must not touch it again.</summary>
    public void Return(byte[] block)
    {
        int shelf = Array.IndexOf(Sizes, block.Length);
        if (shelf >= 0)
            _shelves[shelf].Put(block);
    }

    /// <summary>
    /// Lets go of half of the blocks that nobody has needed since the last call. Called every few seconds, so that a burst is
    /// remembered for a while but not for ever.
    /// </summary>
    public void Trim()
    {
        foreach (var shelf in _shelves)
            shelf.Trim();
    }

    /// <summary>Unused bytes held now.</summary>
    internal long UnusedBytes
    {
        get
        {
            long total = 0;
            for (int i = 0; i < Sizes.Length; i++)
                total += (long)_shelves[i].Count * Sizes[i];
            return total;
        }
    }

    /// <summary>The blocks of one size: last in, first out, because the last one is still in the processor's cache.</summary>
    private sealed class Shelf(int capacity)
    {
        private readonly Lock _lock = new();
        private byte[]?[] _blocks = [];
        private int _count;
        private int _countMin;

        public int Count => Volatile.Read(ref _count);

        public byte[]? TryTake()
        {
            lock (_lock)
            {
                if (_count == 0)
                    return null;

                byte[]? block = _blocks[--_count];
                _blocks[_count] = null;
                _countMin = Math.Min(_countMin, _count);
                return block;
            }
        }

        public void Put(byte[] block)
        {
            lock (_lock)
            {
                if (_count == capacity)
                    return;
                if (_count == _blocks.Length)
                    Array.Resize(ref _blocks, Math.Min(capacity, Math.Max(8, _count * 2)));
                _blocks[_count++] = block;
            }
        }

        public void Trim()
        {
            lock (_lock)
            {
                int surplus = (_countMin + 1) / 2;
                Array.Clear(_blocks, _count - surplus, surplus);
                _count -= surplus;
                _countMin = _count;
            }
        }
    }
}
