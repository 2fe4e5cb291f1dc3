using System.Buffers.Binary;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage;

/// <summary>What is stored of a session, as records: each kind once to write and once to read.</summary>
internal static class SessionRecord
{
    private const byte UserNameFlag = 0x01;
    private const byte DisconnectedFlag = 0x02;

    private const byte OwedRetainedFlag = 0x01;

    private const byte WillRetainFlag = 0x04;
    private const byte WillExpiryFlag = 0x08;
    private const byte WillKnownFlags = 0x0F;

    public static void Write(RecordWriter record, SessionState state)
    {
        bool isConnected = state.DisconnectedAt == Message.Never;
        record.Byte((byte)((state.UserName is not null ? UserNameFlag : 0) | (isConnected ? 0 : DisconnectedFlag)));
        record.Byte((byte)state.Version);
        record.Number(state.ExpirySeconds);
        if (!isConnected)
            record.Number(state.DisconnectedAt);
        record.Text(state.ClientId);
        if (state.UserName is { } userName)
            record.Text(userName);
    }

    public static SessionState Read(ReadOnlySpan<byte> record, long session)
    {
        var reader = new RecordReader(record);
        byte flags = reader.Flags(UserNameFlag | DisconnectedFlag);
        var version = (ProtocolVersion)reader.Byte();
        if (version is not (ProtocolVersion.Mqtt31 or ProtocolVersion.Mqtt311 or ProtocolVersion.Mqtt50))
            throw new InvalidDataException($"has the protocol version {(int)version}");
        uint expiry = reader.UInt32("the expiry");
        long disconnectedAt = (flags & DisconnectedFlag) != 0 ? (long)reader.Number() : Message.Never;
        string clientId = reader.String();
        string? userName = (flags & UserNameFlag) != 0 ? reader.String() : null;
        reader.End();
        return new SessionState(session, clientId, userName, version, expiry, disconnectedAt);
    }

    public static void Write(RecordWriter record, SubscriptionState state)
    {
        record.Byte(state.Options.Bits);
        record.Byte(state.IsOwedRetained ? OwedRetainedFlag : (byte)0);
        record.Number(state.Identifier);
    }

    public static SubscriptionState ReadSubscription(ReadOnlySpan<byte> record, long session, string filter)
    {
        var reader = new RecordReader(record);
        var options = new SubscriptionOptions(reader.Flags(0x3F));
        RecordReader.QoSIn(options.Bits);
        if (options.RetainHandling > RetainHandling.DoNotSend)
            throw new InvalidDataException("has Retain Handling 3");
        bool isOwed = reader.Flags(OwedRetainedFlag) != 0;
        uint identifier = reader.UInt32("the identifier");
        reader.End();
        return new SubscriptionState(session, filter, options, identifier, isOwed);
    }

    public static void Write(RecordWriter record, Will will)
    {
        record.Byte((byte)((int)will.QoS | (will.Retain ? WillRetainFlag : 0) | (will.ExpirySeconds is not null ? WillExpiryFlag : 0)));
        record.Number(will.DelaySeconds);
        if (will.ExpirySeconds is { } expiry)
            record.Number(expiry);
        record.Bytes(will.Topic);
        record.Bytes(will.Properties.Span);
        record.Bytes(will.Payload.Span);
    }

    public static WillState ReadWill(ReadOnlySpan<byte> record, long session, long number)
    {
        var reader = new RecordReader(record);
        byte flags = reader.Flags(WillKnownFlags);
        uint delay = reader.UInt32("the delay");
        uint? expiry = (flags & WillExpiryFlag) != 0 ? reader.UInt32("the expiry") : null;
        byte[] topic = RecordReader.CheckedTopic(reader.Bytes()).ToArray();
        byte[] properties = reader.Bytes().ToArray();
        byte[] payload = reader.Bytes().ToArray();
        reader.End();
        return new WillState(session, number, new Will(topic, payload, properties, RecordReader.QoSIn(flags), (flags & WillRetainFlag) != 0, delay, expiry));
    }

    /// <summary>The floor, then for each run how far it begins behind what is done before it, and how far it goes.</summary>
    public static void Write(RecordWriter record, in StoreBatch.AcknowledgedState state)
    {
        record.Number(state.Floor);
        long last = state.Floor;
        foreach (AcknowledgedRuns.Run run in state.Runs)
        {
            record.Number(run.First - last);
            record.Number(run.Last - run.First);
            last = run.Last;
        }
    }

    /// <returns>The floor.</returns>
    public static long ReadAcknowledged(ReadOnlySpan<byte> record, List<AcknowledgedRuns.Run> runs)
    {
        var reader = new RecordReader(record);
        long floor = reader.Number(0, long.MaxValue, "the floor");
        long last = floor;
        while (reader.Remaining > 0)
        {
            // Nearer it would belong to what is done before it.
            long first = last + reader.Number(2, long.MaxValue - last, "a run at the distance");
            last = first + reader.Number(0, long.MaxValue - first, "a run of the length");
            runs.Add(new AcknowledgedRuns.Run(first, last));
        }

        return floor;
    }

    public static void WriteSent(RecordWriter record, ushort packetId)
    {
        record.Byte((byte)(packetId >> 8));
        record.Byte((byte)packetId);
    }

    public static ushort ReadSent(ReadOnlySpan<byte> record) => ReadPacketId(record);

    /// <summary>Two bytes that are not 0.</summary>
    public static ushort ReadPacketId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != sizeof(ushort))
            throw new InvalidDataException($"has a packet identifier of {bytes.Length} bytes");
        ushort packetId = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return packetId != 0 ? packetId : throw new InvalidDataException("has packet identifier 0");
    }
}
