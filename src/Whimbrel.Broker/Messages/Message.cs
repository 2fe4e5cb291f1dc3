using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// One published application message: immutable, shared by every delivery of it and by the retained store.
/// </summary>
/// <remarks>
/// All of it stands in one array, so that it is one object however many hold it: a <see cref="Head"/>, the topic, the publisher, the
/// properties, the payload.
/// </remarks>
public readonly struct Message
{
    /// <summary>The value of <see cref="ExpiresAt"/> of a message that never expires.</summary>
    public const long Never = long.MaxValue;

    private static readonly int HeadLength = Unsafe.SizeOf<Head>();

    private readonly byte[]? _bytes;

    /// <summary>Copies everything.</summary>
    /// <param name="topic">The topic name in UTF-8, at most 65,535 bytes.</param>
    /// <param name="payload">The application payload.</param>
    /// <param name="qos">The QoS of the publish.</param>
    /// <param name="retain">The RETAIN flag.</param>
    /// <param name="properties">See <see cref="Properties"/>.</param>
    /// <param name="expiresAt">See <see cref="ExpiresAt"/>.</param>
    /// <param name="publisher">See <see cref="Publisher"/>.</param>
    public Message(
        ReadOnlySpan<byte> topic,
        ReadOnlySpan<byte> payload = default,
        QoS qos = QoS.AtMostOnce,
        bool retain = false,
        ReadOnlySpan<byte> properties = default,
        long expiresAt = Never,
        string? publisher = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(topic.Length, ushort.MaxValue, nameof(topic));
        int publisherLength = publisher is null ? 0 : Encoding.UTF8.GetByteCount(publisher);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(publisherLength, ushort.MaxValue, nameof(publisher));
        _bytes = GC.AllocateUninitializedArray<byte>(HeadLength + topic.Length + publisherLength + properties.Length + payload.Length);
        Begin(topic, publisher, FlagsOf(qos, retain), expiresAt);
        properties.CopyTo(_bytes.AsSpan(PropertiesOffset));
        End(properties.Length, payload);
    }

    private Message(byte[]? bytes) => _bytes = bytes;

    [Flags]
    private enum Flags : byte
    {
        QoS = 3,
        Retain = 4,
        Publisher = 8,
        Passing = 16,
    }

    /// <summary>The topic name in UTF-8.</summary>
    public ReadOnlySpan<byte> Topic => _bytes is null ? [] : _bytes.AsSpan(HeadLength, HeadOf().TopicLength);

    /// <summary>The application payload. Not to be written to.</summary>
    public ReadOnlyMemory<byte> Payload => _bytes is null ? default : _bytes.AsMemory(HeadOf().PayloadOffset, HeadOf().PayloadLength);

    /// <summary>
    /// The MQTT 5.0 properties that are forwarded unaltered and in order, encoded: payload format, content type, response topic,
    /// correlation data, user properties [MQTT-3.3.2-4, MQTT-3.3.2-15, MQTT-3.3.2-16, MQTT-3.3.2-17, MQTT-3.3.2-18, MQTT-3.3.2-20].
    /// </summary>
    public ReadOnlySpan<byte> Properties => _bytes is null ? [] : _bytes.AsSpan(PropertiesOffset..HeadOf().PayloadOffset);

    public QoS QoS => _bytes is null ? default : (QoS)(HeadOf().Flags & Flags.QoS);

    /// <summary>The RETAIN flag as the publisher set it.</summary>
    public bool Retain => Has(Flags.Retain);

    /// <summary>Unix milliseconds from which on the message is not delivered any more [MQTT-3.3.2-5]; <see cref="Never"/> for none.</summary>
    public long ExpiresAt => _bytes is null ? Never : HeadOf().ExpiresAt;

    /// <summary>The client identifier of the publisher, for No Local [MQTT-3.8.3-3]; null when the broker itself or the embedding program published.</summary>
    public string? Publisher => Has(Flags.Publisher) ? Encoding.UTF8.GetString(PublisherSpan) : null;

    /// <summary>
    /// Which update of the retained store this message was, 0 for none. Set once by <see cref="RetainedStore"/> before the message is
    /// routed; a subscription whose replay covers it does not get it a second time as live traffic.
    /// </summary>
    internal long RetainedUpdate
    {
        get => _bytes is null ? 0 : HeadOf().RetainedUpdate;
        set => HeadOf().RetainedUpdate = value;
    }

    /// <summary>The one object, for those who hold it in a field that others read without a lock.</summary>
    internal byte[]? Bytes => _bytes;

    /// <summary>The same as <see cref="Payload"/>.</summary>
    internal ReadOnlySpan<byte> PayloadSpan => _bytes is null ? [] : _bytes.AsSpan(HeadOf().PayloadOffset, HeadOf().PayloadLength);

    internal int PayloadLength => _bytes is null ? 0 : HeadOf().PayloadLength;

    /// <summary>What the message counts against byte bounds: its bytes and a flat share for what holds them.</summary>
    internal int Size => Topic.Length + Properties.Length + PayloadLength + 96;

    /// <summary>Whether its array is used again for the next message as soon as it is routed: see <see cref="PassingMessage"/>.</summary>
    internal bool IsPassing => Has(Flags.Passing);

    private ReadOnlySpan<byte> PublisherSpan => _bytes.AsSpan(HeadLength + HeadOf().TopicLength, HeadOf().PublisherLength);

    private int PropertiesOffset => HeadLength + HeadOf().TopicLength + HeadOf().PublisherLength;

    /// <summary>The message whose <see cref="Bytes"/> these are.</summary>
    internal static Message Of(byte[] bytes) => new(bytes);

    /// <summary>Copies out of the receive buffer what outlives it.</summary>
    internal static Message From(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher, long now)
    {
        int length = HeadLength + topic.Length + Encoding.UTF8.GetByteCount(publisher) + packet.MeasureForwardable() + packet.Payload.Length;
        var message = new Message(GC.AllocateUninitializedArray<byte>(length));
        message.Fill(packet, topic, publisher, FlagsOf(packet.QoS, packet.Retain), now);
        return message;
    }

    /// <summary>An array for messages that pass, with room for so much of topic, publisher, properties and payload together.</summary>
    internal static Message Passing(int room) => new(new byte[HeadLength + room]);

    /// <summary>What a packet takes of that room at most.</summary>
    internal static int RoomFor(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher) =>
        topic.Length + Encoding.UTF8.GetMaxByteCount(publisher.Length) + packet.MeasureForwardable() + packet.Payload.Length;

    /// <summary>Makes the message that passes a new one.</summary>
    internal void FillPassing(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher, long now) =>
        Fill(packet, topic, publisher, Flags.Passing, now);

    /// <summary>A copy of the message that passes, which stays.</summary>
    internal Message Lasting()
    {
        Message lasting = new(_bytes.AsSpan(0, HeadOf().PayloadOffset + PayloadLength).ToArray());
        lasting.HeadOf().Flags &= ~Flags.Passing;
        return lasting;
    }

    internal bool IsExpired(long now) => ExpiresAt <= now;

    /// <summary>What is left of the message expiry interval, in whole seconds rounded up [MQTT-3.3.2-6].</summary>
    internal uint RemainingSeconds(long now) => (uint)Math.Clamp((ExpiresAt - now + 999) / 1000, 0, uint.MaxValue);

    /// <summary>Whether a client published it.</summary>
    internal bool IsFrom(string clientId) => Has(Flags.Publisher) && PublisherSpan.SequenceEqual(Encoding.UTF8.GetBytes(clientId));

    private static Flags FlagsOf(QoS qos, bool retain) => (Flags)qos | (retain ? Flags.Retain : 0);

    private void Fill(in PublishPacket packet, ReadOnlySpan<byte> topic, string publisher, Flags flags, long now)
    {
        Begin(topic, publisher, flags, packet.HasMessageExpiry ? now + (packet.MessageExpirySeconds * 1000L) : Never);
        End(packet.WriteForwardable(_bytes.AsSpan(PropertiesOffset)), packet.Payload);
    }

    private void Begin(ReadOnlySpan<byte> topic, string? publisher, Flags flags, long expiresAt)
    {
        topic.CopyTo(_bytes.AsSpan(HeadLength));
        HeadOf() = new Head
        {
            ExpiresAt = expiresAt,
            TopicLength = (ushort)topic.Length,
            PublisherLength = (ushort)Encoding.UTF8.GetBytes(publisher, _bytes.AsSpan(HeadLength + topic.Length)),
            Flags = flags | (publisher is null ? 0 : Flags.Publisher),
        };
    }

    private void End(int propertiesLength, ReadOnlySpan<byte> payload)
    {
        HeadOf().PayloadOffset = PropertiesOffset + propertiesLength;
        HeadOf().PayloadLength = payload.Length;
        payload.CopyTo(_bytes.AsSpan(HeadOf().PayloadOffset));
    }

    private bool Has(Flags flag) => _bytes is not null && (HeadOf().Flags & flag) != 0;

    // Every array begins with one.
    private ref Head HeadOf() => ref Unsafe.As<byte, Head>(ref MemoryMarshal.GetArrayDataReference(_bytes!));

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Head
    {
        public long ExpiresAt;
        public long RetainedUpdate;
        public int PayloadOffset;
        public int PayloadLength;
        public ushort TopicLength;
        public ushort PublisherLength;
        public Flags Flags;
    }
}
