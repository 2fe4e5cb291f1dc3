using System.Buffers;
using System.Text;
using Whimbrel.Cli.Messages;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Tests;

/// <summary>A message as the wire brings it, for the formats.</summary>
internal sealed record Sample
{
    public string Topic { get; init; } = "home/kitchen";

    public byte[] Payload { get; init; } = "21.5"u8.ToArray();

    public QoS QoS { get; init; } = QoS.AtLeastOnce;

    public bool Retain { get; init; }

    public ProtocolVersion Version { get; init; } = ProtocolVersion.Mqtt50;

    public ushort TopicAlias { get; init; }

    public uint? Expiry { get; init; }

    public uint[] SubscriptionIds { get; init; } = [];

    public (PropertyId Id, byte[] Text)[] Texts { get; init; } = [];

    public bool? IsText { get; init; }

    public (string Name, string Value)[] UserProperties { get; init; } = [];

    public DateTimeOffset At { get; init; } = new(2024, 2, 9, 15, 4, 5, 678, TimeSpan.FromMinutes(90));

    /// <summary>The message in a format; null if the format refused it.</summary>
    public string? In(string format, bool pretty = false)
    {
        var output = new ArrayBufferWriter<byte>();
        return Show(message => MessageFormat.Parse(format, pretty).TryWrite(output, message))
            ? Encoding.UTF8.GetString(output.WrittenSpan)
            : null;
    }

    private bool Show(Func<ReceivedMessage, bool> show)
    {
        byte[] bytes = Encode();
        Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(bytes, uint.MaxValue, out var frame, out _, out _));
        Assert.True(PublishPacket.TryParse(frame, Version, out var packet, out var violation), violation.Detail);
        return show(new ReceivedMessage
        {
            Topic = packet.Topic,
            Payload = packet.Payload,
            QoS = packet.QoS,
            Retain = packet.Retain,
            PacketId = packet.PacketId,
            PropertyBlock = packet.PropertyBlock,
            ShowsIdentifiers = true,
            At = At,
        });
    }

    private byte[] Encode()
    {
        byte[] block = new byte[4096];
        var properties = new PropertyWriter(block);
        if (IsText is { } isText)
            properties.Add(PropertyId.PayloadFormatIndicator, isText ? 1u : 0u);
        foreach (var (id, text) in Texts)
            properties.Add(id, text);
        foreach (var (name, value) in UserProperties)
            properties.AddUserProperty(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(value));

        var packet = new PublishPacket
        {
            Topic = Encoding.UTF8.GetBytes(Topic),
            Payload = Payload,
            QoS = QoS,
            Retain = Retain,
            PacketId = QoS == QoS.AtMostOnce ? (ushort)0 : (ushort)77,
            TopicAlias = TopicAlias,
            HasMessageExpiry = Expiry.HasValue,
            MessageExpirySeconds = Expiry ?? 0,
            SubscriptionIdentifiers = SubscriptionIds,
            PropertyBlock = block.AsSpan(0, properties.Length),
        };
        byte[] bytes = new byte[packet.Measure(Version)];
        packet.Write(bytes, Version);
        return bytes;
    }
}
