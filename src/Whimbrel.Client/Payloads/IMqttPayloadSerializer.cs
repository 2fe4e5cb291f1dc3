using System.Buffers;

namespace Whimbrel.Client;

/// <summary>Makes payloads of values and values of payloads. One instance serves all threads.</summary>
/// <typeparam name="T">The values.</typeparam>
public interface IMqttPayloadSerializer<T>
{
    /// <summary>What publishers say of the payload, such as <c>application/json</c>; null: nothing.</summary>
    string? ContentType { get; }

    /// <summary>Whether the payload is UTF-8 text: the payload format indicator.</summary>
    bool IsText { get; }

    /// <summary>Writes the whole payload.</summary>
    void Write(T value, IBufferWriter<byte> payload);

    /// <summary>
    /// Reads a payload. Whatever it throws means that the payload cannot be read: the message is quarantined, because the next attempt would
    /// end in the same way.
    /// </summary>
    T? Read(ReadOnlySpan<byte> payload);
}
