using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// A message as a record: flags, expiry, publisher, topic, properties, payload; a queued one with its copies behind that. A retained
/// message has its topic in its key only.
/// </summary>
internal static class MessageRecord
{
    private const byte RetainFlag = 0x04;
    private const byte ExpiryFlag = 0x08;
    private const byte PublisherFlag = 0x10;
    private const byte PropertiesFlag = 0x20;
    private const byte KnownFlags = 0x3F;

    private const byte CopyRetainFlag = 0x04;
    private const byte CopyIdsFlag = 0x08;
    private const byte CopyGroupFlag = 0x10;
    private const byte CopyKnownFlags = 0x1F;

    public static void WriteQueued(RecordWriter record, StoredMessage stored)
    {
        Write(record, stored.Message, withTopic: true);
        record.Number(stored.Copies.Length);
        long session = 0;
        foreach (StoredCopy copy in stored.Copies)
        {
            record.Difference(copy.Session.Number - session);
            session = copy.Session.Number;
            record.Number(copy.Sequence);
            WriteCopy(record, copy);
        }
    }

    public static void WriteRetained(RecordWriter record, Message message) => Write(record, message, withTopic: false);

    /// <summary>What a copy has besides its session and its sequence number.</summary>
    public static void WriteCopy(RecordWriter record, StoredCopy copy)
    {
        uint[] ids = copy.SubscriptionIds ?? [];
        record.Byte((byte)((int)copy.QoS
            | (copy.Retain ? CopyRetainFlag : 0)
            | (ids.Length > 0 ? CopyIdsFlag : 0)
            | (copy.Group is not null ? CopyGroupFlag : 0)));
        if (ids.Length > 0)
        {
            record.Number(ids.Length);
            foreach (uint id in ids)
                record.Number(id);
        }

        if (copy.Group is { } group)
            record.Text(group);
    }

    /// <param name="record">The whole record.</param>
    /// <param name="copies">Gets the copies.</param>
    /// <param name="lastSession">The highest number that any session may have.</param>
    /// <param name="texts">Shares what comes often.</param>
    public static Message ReadQueued(ReadOnlySpan<byte> record, List<RecoveredCopy> copies, long lastSession, RecentTexts texts)
    {
        var reader = new RecordReader(record);
        Message message = Read(ref reader, [], isTopicInRecord: true, texts);
        // A copy has three bytes at least.
        long count = reader.Number(0, reader.Remaining / 3, "a number of copies of");
        long session = 0;
        for (; count > 0; count--)
        {
            session += reader.Difference();
            if (session <= 0 || session > lastSession)
                throw new InvalidDataException($"has a copy for session {session}, a number that was never given");
            long sequence = reader.Number(1, long.MaxValue, "a copy with the sequence number");
            copies.Add(ReadCopy(ref reader, session, sequence, isAdded: false, texts));
        }

        reader.End();
        return message;
    }

    public static Message ReadRetained(ReadOnlySpan<byte> record, ReadOnlySpan<byte> topic, RecentTexts texts)
    {
        var reader = new RecordReader(record);
        Message message = Read(ref reader, RecordReader.CheckedTopic(topic), isTopicInRecord: false, texts);
        reader.End();
        return message;
    }

    public static RecoveredCopy ReadAddedCopy(ReadOnlySpan<byte> record, long session, long sequence, RecentTexts texts)
    {
        var reader = new RecordReader(record);
        RecoveredCopy copy = ReadCopy(ref reader, session, sequence, isAdded: true, texts);
        reader.End();
        return copy;
    }

    private static void Write(RecordWriter record, Message message, bool withTopic)
    {
        record.Byte((byte)((int)message.QoS
            | (message.Retain ? RetainFlag : 0)
            | (message.ExpiresAt != Message.Never ? ExpiryFlag : 0)
            | (message.Publisher is not null ? PublisherFlag : 0)
            | (message.Properties.Length > 0 ? PropertiesFlag : 0)));
        if (message.ExpiresAt != Message.Never)
            record.Number(message.ExpiresAt);
        if (message.Publisher is { } publisher)
            record.Text(publisher);
        if (withTopic)
            record.Bytes(message.Topic);
        if (message.Properties.Length > 0)
            record.Bytes(message.Properties);
        record.Bytes(message.Payload.Span);
    }

    private static Message Read(ref RecordReader reader, ReadOnlySpan<byte> topic, bool isTopicInRecord, RecentTexts texts)
    {
        byte flags = reader.Flags(KnownFlags);
        long expiresAt = (flags & ExpiryFlag) != 0 ? (long)reader.Number() : Message.Never;
        string? publisher = (flags & PublisherFlag) != 0 ? texts.String(reader.Text()) : null;
        if (isTopicInRecord)
            topic = RecordReader.CheckedTopic(reader.Bytes());
        ReadOnlySpan<byte> properties = (flags & PropertiesFlag) != 0 ? reader.Bytes() : [];
        ReadOnlySpan<byte> payload = reader.Bytes();
        return new Message(topic, payload, RecordReader.QoSIn(flags), (flags & RetainFlag) != 0, properties, expiresAt, publisher);
    }

    private static RecoveredCopy ReadCopy(ref RecordReader reader, long session, long sequence, bool isAdded, RecentTexts texts)
    {
        byte flags = reader.Flags(CopyKnownFlags);
        uint[]? ids = null;
        if ((flags & CopyIdsFlag) != 0)
        {
            ids = new uint[reader.Number(1, reader.Remaining, "a number of subscription identifiers of")];
            for (int i = 0; i < ids.Length; i++)
                ids[i] = reader.UInt32("the subscription identifier");
        }

        string? group = (flags & CopyGroupFlag) != 0 ? texts.String(reader.Text()) : null;
        return new RecoveredCopy(session, sequence, RecordReader.QoSIn(flags), (flags & CopyRetainFlag) != 0, ids, group, isAdded);
    }
}
