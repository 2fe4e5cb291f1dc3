using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Whimbrel.Hosting;

/// <summary>
/// Bytes of a link that could not be consumed yet: the beginning of a frame, or what waits while the link is paused. Holds a block only
/// while there are such bytes. Reading thread only.
/// </summary>
/// <remarks>
/// It grows with what has really arrived and not with what a frame announces, so a peer cannot make the broker reserve memory with
/// five bytes.
/// </remarks>
internal struct CarryBuffer
{
    private byte[]? _block;

    /// <summary>How many bytes are kept.</summary>
    public int Length { get; private set; }

    /// <summary>The length of the frame that the bytes begin, or 0 if it is not known.</summary>
    public int FrameLength { get; private set; }

    public readonly ReadOnlySpan<byte> Bytes => _block.AsSpan(0, Length);

    /// <summary>Keeps these bytes, which may be the end of those that it holds already, instead of what it held.</summary>
    public void Keep(ReadOnlySpan<byte> bytes, int frameLength, BlockPool pool)
    {
        if (bytes.IsEmpty)
        {
            Release(pool);
            return;
        }

        byte[]? old = _block;
        if (old is not null && bytes.Length == Length && Unsafe.AreSame(ref MemoryMarshal.GetReference(bytes), ref MemoryMarshal.GetArrayDataReference(old)))
        {
            FrameLength = frameLength;
            return;
        }

        if (old is null || old.Length < bytes.Length || old.Length > 4 * Math.Max(bytes.Length, BlockPool.OutputBlock))
            _block = pool.Rent(bytes.Length);

        bytes.CopyTo(_block);
        if (old is not null && !ReferenceEquals(old, _block))
            pool.Return(old);

        Length = bytes.Length;
        FrameLength = frameLength;
    }

    /// <summary>Gives room behind the kept bytes for at least one more.</summary>
    public Span<byte> Room(BlockPool pool)
    {
        if (_block!.Length == Length)
        {
            // Not more than the frame needs, so that what comes behind it is read into the loop's own buffer again.
            long size = Math.Max(Math.Min(4L * Length, BlockPool.LargestBlock), 2L * Length);
            if (FrameLength > Length)
                size = Math.Min(size, FrameLength);

            byte[] larger = pool.Rent((int)Math.Min(size, Array.MaxLength));
            Bytes.CopyTo(larger);
            pool.Return(_block);
            _block = larger;
        }

        return _block.AsSpan(Length);
    }

    /// <summary>Counts bytes that were read into <see cref="Room"/>.</summary>
    public void Added(int count) => Length += count;

    public void Release(BlockPool pool)
    {
        if (_block is not null)
            pool.Return(_block);
        _block = null;
        Length = 0;
        FrameLength = 0;
    }
}
