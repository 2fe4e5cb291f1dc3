using System.Buffers;

namespace Whimbrel.Hosting;

/// <summary>
/// What one link has still to send: frames written into pooled blocks, and large payloads by reference, in order. It owns its blocks
/// only while something is pending; an idle link holds none.
/// </summary>
/// <remarks>
/// A part of its link, never copied. One small lock. <see cref="Reserve"/> takes it and <see cref="Commit"/> releases it; members marked
/// "locked" want it held through <see cref="Enter"/> and <see cref="Exit"/>. The common case is one block: then
/// <see cref="TryGetContiguous"/> gives everything pending at once. Otherwise a ring of segments stands before the open block.
/// </remarks>
internal struct OutputBuffer(BlockPool pool)
{
    // A block that fills up is followed by one of four times its size: few system calls and nothing is copied.
    private const int GrowthMax = 64 * 1024;
    private const int RingSize = 16;

    private SpinLock _lock = new(enableThreadOwnerTracking: false);
    private byte[]? _block;
    private int _start;
    private int _end;
    private Segment[]? _ring;
    private int _head;
    private int _sealed;
    private int _pending;
    private uint _sent;

    /// <summary>Bytes appended and not yet sent. Read without the lock.</summary>
    public int PendingBytes => Volatile.Read(ref _pending);

    /// <summary>Bytes ever sent, modulo 2^32: it moves when there is progress. Read without the lock.</summary>
    public uint SentBytes => Volatile.Read(ref _sent);

    /// <summary>Locked. Whether it takes nothing any more.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Locked. Whether somebody sends, with the lock left: see <see cref="Lend"/>.</summary>
    public bool IsLent { get; private set; }

    public void Enter()
    {
        bool isTaken = false;
        _lock.Enter(ref isTaken);
    }

    public void Exit() => _lock.Exit(useMemoryBarrier: false);

    /// <summary>Takes the lock and gives room for <paramref name="size"/> bytes.</summary>
    public Span<byte> Reserve(int size)
    {
        Enter();
        try
        {
            if (_block is null || _block.Length - _end < size)
                Open(size);
            return _block.AsSpan(_end, size);
        }
        catch
        {
            Exit();
            throw;
        }
    }

    /// <summary>
    /// Locked. Until <see cref="Settle"/> the lock may be left while what is pending is being sent: nothing of it moves or is released,
    /// whatever is appended or closed in the meantime.
    /// </summary>
    public void Lend() => IsLent = true;

    /// <summary>Locked. So much of what was lent has been sent.</summary>
    public void Settle(int count)
    {
        IsLent = false;
        if (_pending == 0)
            Release();
        else
            Advance(count);
    }

    /// <summary>Appends the first <paramref name="count"/> bytes of what was reserved and releases the lock.</summary>
    public void Commit(int count)
    {
        if (!IsClosed)
        {
            _end += count;
            Volatile.Write(ref _pending, _pending + count);
        }

        if (_pending == 0)
            Release();
        Exit();
    }

    /// <summary>Appends bytes by reference.</summary>
    public void Append(ReadOnlyMemory<byte> shared)
    {
        if (shared.IsEmpty)
            return;

        Enter();
        try
        {
            if (IsClosed)
                return;

            if (_end > _start)
            {
                Seal(new Segment(_block.AsMemory(_start, _end - _start), null, true));
                _start = _end;
            }

            Seal(new Segment(shared, null, false));
            Volatile.Write(ref _pending, _pending + shared.Length);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Locked. All pending bytes as one span, if they are in one block.</summary>
    public bool TryGetContiguous(out ReadOnlySpan<byte> bytes)
    {
        bytes = _sealed == 0 && _block is not null ? _block.AsSpan(_start, _end - _start) : default;
        return _sealed == 0;
    }

    /// <summary>Locked. The first pending segments in order, none of them empty; returns how many.</summary>
    public int Gather(Span<Segment> first)
    {
        int count = 0;
        for (int i = 0; i < _sealed && count < first.Length; i++)
        {
            ref var segment = ref At(i);
            if (!segment.Bytes.IsEmpty)
                first[count++] = segment;
        }

        if (count < first.Length && _end > _start)
            first[count++] = new Segment(_block.AsMemory(_start, _end - _start), null, true);
        return count;
    }

    /// <summary>Locked. Copies pending bytes from the front; returns how many.</summary>
    public int CopyTo(Span<byte> target)
    {
        int copied = 0;
        for (int i = 0; i < _sealed && copied < target.Length; i++)
            copied += Copy(At(i).Bytes.Span, target[copied..]);
        return copied + Copy(_block.AsSpan(_start, _end - _start), target[copied..]);

        static int Copy(ReadOnlySpan<byte> from, Span<byte> to)
        {
            int count = Math.Min(from.Length, to.Length);
            from[..count].CopyTo(to);
            return count;
        }
    }

    /// <summary>Locked. Forgets the first <paramref name="count"/> pending bytes, which have been sent, and returns their blocks.</summary>
    public void Advance(int count)
    {
        Volatile.Write(ref _pending, _pending - count);
        Volatile.Write(ref _sent, _sent + (uint)count);
        while (_sealed > 0)
        {
            ref var segment = ref At(0);
            if (count < segment.Bytes.Length)
            {
                segment = segment with { Bytes = segment.Bytes[count..] };
                return;
            }

            count -= segment.Bytes.Length;
            Unseal();
        }

        _start += count;
        if (_pending == 0)
            Release();
    }

    /// <summary>Locked. Drops what is pending and takes nothing any more.</summary>
    public void Close()
    {
        IsClosed = true;
        Volatile.Write(ref _pending, 0);
        Release();
    }

    /// <summary>Locked. Takes nothing any more; what is pending can still be sent.</summary>
    public void Seal() => IsClosed = true;

    private void Open(int size)
    {
        int growth = BlockPool.OutputBlock;
        if (_block is not null)
        {
            growth = Math.Min(_block.Length * 4, GrowthMax);
            Seal(new Segment(_block.AsMemory(_start, _end - _start), _block, true));
            _block = null;
        }

        _start = _end = 0;
        _block = pool.Rent(Math.Max(size, growth));
    }

    private void Seal(in Segment segment)
    {
        if (_ring is null)
        {
            _ring = ArrayPool<Segment>.Shared.Rent(RingSize);
        }
        else if (_sealed == _ring.Length)
        {
            var larger = ArrayPool<Segment>.Shared.Rent(_ring.Length * 2);
            for (int i = 0; i < _sealed; i++)
                larger[i] = At(i);
            ArrayPool<Segment>.Shared.Return(_ring, clearArray: true);
            _ring = larger;
            _head = 0;
        }

        At(_sealed++) = segment;
    }

    private ref Segment At(int index)
    {
        int place = _head + index;
        return ref _ring![place < _ring.Length ? place : place - _ring.Length];
    }

    private void Unseal()
    {
        ref var segment = ref At(0);
        if (segment.Release is { } block)
            pool.Return(block);
        segment = default;
        if (++_head == _ring!.Length)
            _head = 0;
        _sealed--;
    }

    private void Release()
    {
        if (IsLent)
            return;
        while (_sealed > 0)
            Unseal();

        if (_ring is not null)
        {
            ArrayPool<Segment>.Shared.Return(_ring);
            _ring = null;
            _head = 0;
        }

        if (_block is not null)
        {
            pool.Return(_block);
            _block = null;
            _start = _end = 0;
        }
    }

    /// <summary>A run of pending bytes.</summary>
    /// <param name="Bytes">What is still to be sent of it.</param>
    /// <param name="Release">The block to return when it is sent, if nothing pending refers to the block after that.</param>
    /// <param name="Pinned">True if the bytes are in a block of the pool, which never moves.</param>
    internal readonly record struct Segment(ReadOnlyMemory<byte> Bytes, byte[]? Release, bool Pinned);
}
