using System.Buffers.Binary;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// Reads a whole store, once, and tells it to a visitor. Every key and value is checked: what no version wrote, or what contradicts
/// something else, ends the reading with a <see cref="StoreException"/> that names the record.
/// </summary>
internal sealed class LayoutReader(IEngine engine, string location, IRecoveryVisitor visitor)
{
    private readonly RecentTexts _texts = new();
    private readonly List<RecoveredCopy> _copies = [];
    private readonly List<AcknowledgedRuns.Run> _runs = [];
    private readonly List<byte[]> _orphans = [];
    private StoreMarks _marks;
    private long _session;
    private Message? _message;
    private long _messageId;

    private delegate void EntryReader(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>What the store says about itself, after <see cref="Read"/>.</summary>
    public StoreMarks Marks => _marks;

    /// <summary>Keys of <see cref="Family.State"/> that belong to sessions that are not there any more.</summary>
    public List<byte[]> Orphans => _orphans;

    public void Read()
    {
        Span<byte> firstSession = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(firstSession, 1);
        Scan(Family.State, [], firstSession, ReadOwn);
        visitor.Numbers(_marks.LastMessageId, _marks.LastSessionNumber);
        Scan(Family.State, firstSession, [], ReadState);
        Scan(Family.Messages, [], [], ReadMessage);
        TellMessage();
        Scan(Family.Retained, [], [], ReadRetained);
    }

    private void Scan(Family family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, EntryReader read) => engine.Scan(family, from, to, (key, value) =>
    {
        try
        {
            read(key, value);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(family, key, e);
        }
    });

    private void ReadOwn(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.Length != RecordKey.StateLength)
            throw UnknownKey();
        var reader = new RecordReader(value);
        switch ((OwnKind)key[^1])
        {
            case OwnKind.Format:
                byte format = reader.Byte();
                if (format != StoreMarks.Format)
                    throw OtherFormat(format);
                _marks = _marks with { HasFormat = true };
                break;
            case OwnKind.Numbers:
                _marks = _marks with
                {
                    LastMessageId = reader.Number(0, long.MaxValue, "the last message identifier"),
                    LastSessionNumber = reader.Number(0, long.MaxValue, "the last session number"),
                };
                break;
            case OwnKind.Tainted:
                _marks = _marks with { Tainted = reader.Number(0, _marks.LastMessageId, "the message identifier") };
                break;
            default:
                throw UnknownKey();
        }

        reader.End();
    }

    private void ReadState(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        RequireFormat();
        if (key.Length < RecordKey.StateLength)
            throw UnknownKey();
        long session = BinaryPrimitives.ReadInt64BigEndian(key);
        if (session <= 0 || session > _marks.LastSessionNumber)
            throw new InvalidDataException($"belongs to session {session}, a number that was never given");
        var kind = (StateKind)key[sizeof(long)];
        ReadOnlySpan<byte> rest = key[RecordKey.StateLength..];
        if (kind == StateKind.Session && rest.IsEmpty)
        {
            _session = session;
            visitor.Session(SessionRecord.Read(value, session));
        }
        else if (session == _session)
        {
            ReadOfSession(session, kind, rest, value);
        }
        else
        {
            _orphans.Add(key.ToArray());
        }
    }

    private void ReadOfSession(long session, StateKind kind, ReadOnlySpan<byte> rest, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case StateKind.Subscription:
                visitor.Subscription(SessionRecord.ReadSubscription(value, session, _texts.String(RecordReader.Checked(rest))));
                break;
            case StateKind.Will:
                visitor.Will(SessionRecord.ReadWill(value, session, NumberIn(rest)));
                break;
            case StateKind.Acknowledged when rest.IsEmpty:
                _runs.Clear();
                visitor.Acknowledged(session, SessionRecord.ReadAcknowledged(value, _runs), _runs);
                break;
            case StateKind.Received:
                new RecordReader(value).End();
                visitor.Received(session, SessionRecord.ReadPacketId(rest));
                break;
            case StateKind.Sent:
                visitor.Sent(session, NumberIn(rest), SessionRecord.ReadPacketId(value));
                break;
            default:
                throw UnknownKey();
        }
    }

    private void ReadMessage(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        RequireFormat();
        if (key.Length is not (RecordKey.MessageLength or RecordKey.AddedCopyLength))
            throw UnknownKey();
        long id = NumberIn(key[..sizeof(long)]);
        if (id > _marks.LastMessageId)
            throw new InvalidDataException($"has the message identifier {id}, which was never given");
        if (key.Length == RecordKey.AddedCopyLength)
        {
            ReadAddedCopy(key, value, id);
            return;
        }

        TellMessage();
        _copies.Clear();
        _message = MessageRecord.ReadQueued(value, _copies, _marks.LastSessionNumber, _texts);
        _messageId = id;
    }

    private void ReadAddedCopy(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long id)
    {
        if (_message is null || _messageId != id)
            throw new InvalidDataException($"is a copy of message {id}, which is not there");
        long session = NumberIn(key.Slice(sizeof(long), sizeof(long)));
        if (session > _marks.LastSessionNumber)
            throw new InvalidDataException($"is a copy for session {session}, a number that was never given");
        _copies.Add(MessageRecord.ReadAddedCopy(value, session, NumberIn(key[(2 * sizeof(long))..]), _texts));
    }

    /// <summary>The copies that were added to a message follow it: it is told when the next one begins.</summary>
    private void TellMessage()
    {
        if (_message is { } message)
            visitor.Message(_messageId, message, _copies);
        _message = null;
    }

    private void ReadRetained(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        RequireFormat();
        visitor.Retained(MessageRecord.ReadRetained(value, key, _texts));
    }

    private static long NumberIn(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != sizeof(long))
            throw UnknownKey();
        long number = BinaryPrimitives.ReadInt64BigEndian(bytes);
        return number > 0 ? number : throw UnknownKey();
    }

    private void RequireFormat()
    {
        if (!_marks.HasFormat)
            throw new InvalidDataException("is there, but the record that names the store's format is not");
    }

    private static InvalidDataException UnknownKey() => new("has a key that no version wrote");

    private StoreException Damaged(Family family, ReadOnlySpan<byte> key, InvalidDataException problem) => new(
        StoreFailure.Corrupt,
        $"the store in {location} is damaged: in {family}, the record {Convert.ToHexString(key)} {problem.Message}; restore a backup with 'whimbrel backup restore'",
        problem);

    private StoreException OtherFormat(byte format) => new(
        StoreFailure.OtherVersion,
        $"the store in {location} has format {format}, and this version reads and writes format {StoreMarks.Format}: use the version that wrote it, or a newer one");
}
