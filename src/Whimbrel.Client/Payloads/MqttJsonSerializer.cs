using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Whimbrel.Client;

/// <summary>JSON by System.Text.Json, without reflection: the type comes from a <c>JsonSerializerContext</c>.</summary>
public sealed class MqttJsonSerializer<T>(JsonTypeInfo<T> type) : IMqttPayloadSerializer<T>
{
    public string ContentType => "application/json";

    public bool IsText => true;

    public void Write(T value, IBufferWriter<byte> payload)
    {
        using var writer = new Utf8JsonWriter(payload);
        JsonSerializer.Serialize(writer, value, type);
    }

    public T? Read(ReadOnlySpan<byte> payload) => JsonSerializer.Deserialize(payload, type);
}
