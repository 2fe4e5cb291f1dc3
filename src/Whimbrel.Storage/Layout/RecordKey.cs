using System.Buffers.Binary;
using System.Text;

namespace Whimbrel.Storage;

/// <summary>Builds keys in one reused buffer: numbers are big-endian, so that keys sort as they do. A key is valid until the next is built.</summary>
internal sealed class RecordKey
{
    /// <summary>The length of a key of a session without anything behind the kind.</summary>
    public const int StateLength = sizeof(long) + 1;

    public const int MessageLength = sizeof(long);

    public const int AddedCopyLength = 3 * sizeof(long);

    private byte[] _buffer = new byte[256];

    public ReadOnlySpan<byte> Own(OwnKind kind) => Begin(0, (byte)kind);

    public ReadOnlySpan<byte> State(long session, StateKind kind) => Begin(session, (byte)kind);

    public ReadOnlySpan<byte> State(long session, StateKind kind, long number)
    {
        Begin(session, (byte)kind);
        BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan(StateLength), number);
        return _buffer.AsSpan(0, StateLength + sizeof(long));
    }

    public ReadOnlySpan<byte> Received(long session, ushort packetId)
    {
        Begin(session, (byte)StateKind.Received);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer.AsSpan(StateLength), packetId);
        return _buffer.AsSpan(0, StateLength + sizeof(ushort));
    }

    public ReadOnlySpan<byte> Subscription(long session, string filter)
    {
        int length = Encoding.UTF8.GetByteCount(filter);
        if (_buffer.Length < StateLength + length)
            _buffer = new byte[StateLength + length];
        Begin(session, (byte)StateKind.Subscription);
        Encoding.UTF8.GetBytes(filter, _buffer.AsSpan(StateLength));
        return _buffer.AsSpan(0, StateLength + length);
    }

    public ReadOnlySpan<byte> Message(long id)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer, id);
        return _buffer.AsSpan(0, MessageLength);
    }

    public ReadOnlySpan<byte> AddedCopy(long id, long session, long sequence)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer, id);
        BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan(sizeof(long)), session);
        BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan(2 * sizeof(long)), sequence);
        return _buffer.AsSpan(0, AddedCopyLength);
    }

    private ReadOnlySpan<byte> Begin(long session, byte kind)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer, session);
        _buffer[sizeof(long)] = kind;
        return _buffer.AsSpan(0, StateLength);
    }
}
