namespace Whimbrel.Protocol;

/// <summary>
/// The properties of a PUBLISH or a Will that a server passes on unaltered and in order: Payload Format Indicator,
/// Content Type, Response Topic, Correlation Data, User Properties [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
/// [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]. Left out is what each hop says anew or keeps to itself: Topic Alias,
/// Message Expiry Interval, Subscription Identifier, Will Delay Interval.
/// </summary>
public static class ForwardableProperties
{
    /// <summary>Bytes that <see cref="Write"/> writes.</summary>
    /// <param name="block">A property block that a parser has accepted.</param>
    public static int Measure(ReadOnlySpan<byte> block)
    {
        int length = 0;
        var reader = new PacketReader(block);
        while (reader.Remaining > 0 && PropertyDecoder.TryRead(ref reader, out Property property))
        {
            length += IsForwardable(property.Id) ? property.Encoded.Length : 0;
        }

        return length;
    }

    /// <summary>Copies the forwardable properties of <paramref name="block"/>; returns the bytes written.</summary>
    public static int Write(ReadOnlySpan<byte> block, Span<byte> destination)
    {
        var writer = new PacketWriter(destination);
        var reader = new PacketReader(block);
        while (reader.Remaining > 0 && PropertyDecoder.TryRead(ref reader, out Property property))
        {
            if (IsForwardable(property.Id))
            {
                writer.WriteRaw(property.Encoded);
            }
        }

        return writer.Written;
    }

    internal static bool IsForwardable(PropertyId id) => id is not (PropertyId.TopicAlias or PropertyId.MessageExpiryInterval
        or PropertyId.SubscriptionIdentifier or PropertyId.WillDelayInterval);
}
