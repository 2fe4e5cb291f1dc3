using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Messages;

/// <summary>
/// A message as JSON with the keys of mosquitto_sub, so that what people have written for it goes on working. A payload that is
/// not UTF-8 stands in <c>payload_base64</c> too; where several user properties have one name, its value is a list.
/// </summary>
internal static class MessageJson
{
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>Writes the object, without an end of line.</summary>
    /// <param name="payloadIsJson">The payload goes in as it is; see <see cref="IsJson"/>.</param>
    public static void Write(IBufferWriter<byte> output, in ReceivedMessage message, bool payloadIsJson, bool pretty)
    {
        var packet = message.Packet;
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = pretty, Encoder = Encoder, SkipValidation = true });
        writer.WriteStartObject();
        writer.WriteString("tst", Timestamp(message.At));
        WriteText(writer, "topic", message.Topic);
        writer.WriteNumber("qos", (int)packet.QoS);
        writer.WriteNumber("retain", packet.Retain ? 1 : 0);
        writer.WriteNumber("payloadlen", packet.Payload.Length);
        if (packet.QoS != QoS.AtMostOnce)
            writer.WriteNumber("mid", packet.PacketId);
        if (!packet.PropertyBlock.IsEmpty)
            WriteProperties(writer, message);
        if (payloadIsJson)
        {
            writer.WritePropertyName("payload");
            writer.WriteRawValue(packet.Payload, skipInputValidation: true);
        }
        else
        {
            WriteText(writer, "payload", packet.Payload);
            if (!Utf8.IsValid(packet.Payload))
                writer.WriteBase64String("payload_base64", packet.Payload);
        }

        writer.WriteEndObject();
    }

    /// <summary>As mosquitto's manual has it: <c>2020-05-06T22:12:00.000000+0100</c>.</summary>
    public static string Timestamp(DateTimeOffset at) =>
        at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + Offset(at);

    /// <summary><c>+0100</c>.</summary>
    public static string Offset(DateTimeOffset at) => at.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);

    private static void WriteProperties(Utf8JsonWriter writer, in ReceivedMessage message)
    {
        var packet = message.Packet;
        writer.WriteStartObject("properties");
        if (packet.TopicAlias != 0)
            writer.WriteNumber("topic-alias", packet.TopicAlias);
        if (packet.SubscriptionIdCount == 1)
        {
            foreach (uint id in packet.SubscriptionIds)
                writer.WriteNumber("subscription-identifier", id);
        }
        else if (packet.SubscriptionIdCount > 1)
        {
            writer.WriteStartArray("subscription-identifier");
            foreach (uint id in packet.SubscriptionIds)
                writer.WriteNumberValue(id);
            writer.WriteEndArray();
        }

        WriteUserProperties(writer, message);
        if (packet.HasContentType)
            WriteText(writer, "content-type", packet.ContentType);
        if (packet.HasCorrelationData)
        {
            WriteText(writer, "correlation-data", packet.CorrelationData);
            if (!Utf8.IsValid(packet.CorrelationData))
                writer.WriteBase64String("correlation-data_base64", packet.CorrelationData);
        }

        if (!packet.ResponseTopic.IsEmpty)
            WriteText(writer, "response-topic", packet.ResponseTopic);
        if (packet.PayloadFormat is { } isText)
            writer.WriteNumber("payload-format-indicator", isText ? 1 : 0);
        if (packet.HasMessageExpiry)
            writer.WriteNumber("message-expiry-interval", packet.MessageExpirySeconds);
        writer.WriteEndObject();
    }

    private static void WriteUserProperties(Utf8JsonWriter writer, in ReceivedMessage message)
    {
        var byName = new OrderedDictionary<string, List<string>>();
        foreach (var property in message.UserProperties)
        {
            string name = Encoding.UTF8.GetString(property.Name);
            if (!byName.TryGetValue(name, out var values))
                byName.Add(name, values = []);
            values.Add(Encoding.UTF8.GetString(property.Value));
        }

        if (byName.Count == 0)
            return;
        writer.WriteStartObject("user-properties");
        foreach (var (name, values) in byName)
        {
            if (values.Count == 1)
            {
                writer.WriteString(name, values[0]);
                continue;
            }

            writer.WriteStartArray(name);
            foreach (string value in values)
                writer.WriteStringValue(value);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, ReadOnlySpan<byte> utf8)
    {
        if (Utf8.IsValid(utf8))
            writer.WriteString(name, utf8);
        else
            writer.WriteString(name, Encoding.UTF8.GetString(utf8));
    }

    public static bool IsJson(ReadOnlySpan<byte> payload)
    {
        if (!Utf8.IsValid(payload))
            return false;
        var reader = new Utf8JsonReader(payload);
        try
        {
            bool hasValue = false;
            while (reader.Read())
                hasValue = true;
            return hasValue;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
