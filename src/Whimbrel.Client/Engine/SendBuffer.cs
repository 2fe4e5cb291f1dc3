using System.Buffers;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>
/// Bytes on their way to the socket: one half is written by whoever has something to say, the other half is being sent. Not thread-safe; the
/// client's gate guards it.
/// </summary>
internal sealed class SendBuffer
{
    private const int StartBytes = 1024;
    private const int KeepBytes = 512 * 1024;

    private byte[] _filling = ArrayPool<byte>.Shared.Rent(StartBytes);
    private byte[] _sending = ArrayPool<byte>.Shared.Rent(StartBytes);
    private int _filled;

    /// <summary>Bytes that wait for <see cref="Take"/>.</summary>
    public int Waiting => _filled;

    /// <summary>Room for <paramref name="count"/> bytes; what is written there counts after <see cref="Advance"/>.</summary>
    public Span<byte> Reserve(int count)
    {
        if (_filling.Length - _filled < count)
            Grow(count);
        return _filling.AsSpan(_filled);
    }

    public void Advance(int count) => _filled += count;

    public void Write<TPacket>(in TPacket packet, ProtocolVersion version)
        where TPacket : IPacket, allows ref struct => _filled += packet.Write(Reserve(packet.Measure(version)), version);

    /// <summary>Takes what was written. The memory is good until the next call; the caller has finished sending by then.</summary>
    public ReadOnlyMemory<byte> Take()
    {
        (_filling, _sending) = (_sending, _filling);
        if (_filling.Length > KeepBytes)
        {
            ArrayPool<byte>.Shared.Return(_filling);
            _filling = ArrayPool<byte>.Shared.Rent(StartBytes);
        }

        int count = _filled;
        _filled = 0;
        return _sending.AsMemory(0, count);
    }

    /// <summary>Forgets what was not sent: its connection is gone.</summary>
    public void Clear() => _filled = 0;

    private void Grow(int count)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_filled + count, _filling.Length * 2));
        _filling.AsSpan(0, _filled).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_filling);
        _filling = larger;
    }
}
