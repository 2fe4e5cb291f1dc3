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
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = pretty, Encoder = Encoder, SkipValidation = true });
        writer.WriteStartObject();
        writer.WriteString("tst", Timestamp(message.At));
        WriteText(writer, "topic", message.Topic);
        writer.WriteNumber("qos", (int)message.QoS);
        writer.WriteNumber("retain", message.Retain ? 1 : 0);
        writer.WriteNumber("payloadlen", message.Payload.Length);
        if (message.QoS != QoS.AtMostOnce)
            writer.WriteNumber("mid", message.PacketId);
        if (HasProperties(message))
            WriteProperties(writer, message);
        if (payloadIsJson)
        {
            writer.WritePropertyName("payload");
            writer.WriteRawValue(message.Payload, skipInputValidation: true);
        }
        else
        {
            WriteText(writer, "payload", message.Payload);
            if (!Utf8.IsValid(message.Payload))
                writer.WriteBase64String("payload_base64", message.Payload);
        }

        writer.WriteEndObject();
    }

    /// <summary>As mosquitto's manual has it: <c>2020-05-06T22:12:00.000000+0100</c>.</summary>
    public static string Timestamp(DateTimeOffset at) =>
        at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + Offset(at);

    /// <summary><c>+0100</c>.</summary>
    public static string Offset(DateTimeOffset at) => at.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal);

    /// <summary>Whether there is a property to show; the client's own identifiers are none.</summary>
    private static bool HasProperties(in ReceivedMessage message)
    {
        var reader = new PropertyReader(message.PropertyBlock, PropertyScope.Publish);
        while (reader.TryNext(out var property))
        {
            if (property.Id != PropertyId.SubscriptionIdentifier || message.ShowsIdentifiers)
                return true;
        }

        return false;
    }

    private static void WriteProperties(Utf8JsonWriter writer, in ReceivedMessage message)
    {
        writer.WriteStartObject("properties");
        if (message.TryFind(PropertyId.TopicAlias, out var alias))
            writer.WriteNumber("topic-alias", alias.Number);
        if (message.SubscriptionIdentifiers is { Count: > 0 } identifiers)
            WriteIdentifiers(writer, identifiers);
        WriteUserProperties(writer, message);
        if (message.TryFind(PropertyId.ContentType, out var type))
            WriteText(writer, "content-type", type.Text);
        if (message.TryFind(PropertyId.CorrelationData, out var correlation))
        {
            WriteText(writer, "correlation-data", correlation.Text);
            if (!Utf8.IsValid(correlation.Text))
                writer.WriteBase64String("correlation-data_base64", correlation.Text);
        }

        if (message.TryFind(PropertyId.ResponseTopic, out var response))
            WriteText(writer, "response-topic", response.Text);
        if (message.TryFind(PropertyId.PayloadFormatIndicator, out var format))
            writer.WriteNumber("payload-format-indicator", format.Number);
        if (message.TryFind(PropertyId.MessageExpiryInterval, out var expiry))
            writer.WriteNumber("message-expiry-interval", expiry.Number);
        writer.WriteEndObject();
    }

    private static void WriteIdentifiers(Utf8JsonWriter writer, IReadOnlyList<uint> identifiers)
    {
        if (identifiers is [var one])
        {
            writer.WriteNumber("subscription-identifier", one);
            return;
        }

        writer.WriteStartArray("subscription-identifier");
        foreach (uint identifier in identifiers)
            writer.WriteNumberValue(identifier);
        writer.WriteEndArray();
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
