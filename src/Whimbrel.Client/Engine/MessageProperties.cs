using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>The properties of a message that travel with it unaltered, as bytes.</summary>
internal static class MessageProperties
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Encodes what is set; empty if nothing is.</summary>
    public static byte[] Encode(MqttOutgoing message)
    {
        bool isText = message.PayloadIsText;
        string? contentType = message.ContentType;
        string? responseTopic = message.ResponseTopic;
        ReadOnlyMemory<byte> correlationData = message.CorrelationData;
        IReadOnlyList<KeyValuePair<string, string>> userProperties = message.UserProperties;
        if (!isText && contentType is null && responseTopic is null && correlationData.IsEmpty && userProperties.Count == 0)
            return [];
        byte[] type = contentType is null ? [] : Strict.GetBytes(contentType);
        byte[] response = responseTopic is null ? [] : Strict.GetBytes(responseTopic);
        byte[] users = userProperties.Count == 0 ? [] : UserProperties.Encode([.. userProperties]);
        if (responseTopic is not null && !TopicName.IsValid(response))
            throw new ArgumentException($"'{responseTopic}' is not a topic to answer to.", nameof(message));
        if (type.Length > ushort.MaxValue || correlationData.Length > ushort.MaxValue)
            throw new ArgumentException("Content type and correlation data have at most 65,535 bytes.", nameof(message));

        PropertyWriter measure = default;
        Write(ref measure);
        byte[] block = new byte[measure.Length];
        var writer = new PropertyWriter(block);
        Write(ref writer);
        return block;

        void Write(ref PropertyWriter properties)
        {
            if (isText)
                properties.Add(PropertyId.PayloadFormatIndicator, 1);
            if (contentType is not null)
                properties.Add(PropertyId.ContentType, type);
            if (responseTopic is not null)
                properties.Add(PropertyId.ResponseTopic, response);
            if (!correlationData.IsEmpty)
                properties.Add(PropertyId.CorrelationData, correlationData.Span);
            properties.AddEncoded(users);
        }
    }

    /// <summary>Throws unless the topic may be published to.</summary>
    public static void CheckTopic(string topic)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        if (topic.AsSpan().IndexOfAny('+', '#', '\0') >= 0)
            throw new ArgumentException($"'{topic}' is not a topic to publish to: it has a wildcard or U+0000.", nameof(topic));
        if (topic.Length > ushort.MaxValue / 3 || !Ascii.IsValid(topic))
            CheckEncoding(topic);
    }

    private static void CheckEncoding(string topic)
    {
        try
        {
            if (Strict.GetByteCount(topic) <= ushort.MaxValue)
                return;
        }
        catch (EncoderFallbackException)
        {
            throw new ArgumentException("The topic contains half a surrogate pair.", nameof(topic));
        }

        throw new ArgumentException("The topic has more than 65,535 bytes.", nameof(topic));
    }

    public static string? Text(ReadOnlySpan<byte> utf8) => utf8.IsEmpty ? null : Encoding.UTF8.GetString(utf8);

    public static KeyValuePair<string, string>[] Users(ReadOnlySpan<byte> block)
    {
        List<KeyValuePair<string, string>>? pairs = null;
        foreach (UserProperty property in new UserProperties(block))
            (pairs ??= []).Add(new(Encoding.UTF8.GetString(property.Name), Encoding.UTF8.GetString(property.Value)));
        return pairs is null ? [] : [.. pairs];
    }
}
