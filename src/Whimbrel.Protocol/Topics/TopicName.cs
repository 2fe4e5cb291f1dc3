namespace Whimbrel.Protocol;

/// <summary>The rules of a topic that is published to, as opposed to a filter.</summary>
public static class TopicName
{
    /// <summary>
    /// At least one byte [MQTT-4.7.3-1], at most 65,535 [MQTT-4.7.3-3], no U+0000 [MQTT-4.7.3-2], no wildcards
    /// [MQTT-3.3.2-2]. That the text is well-formed UTF-8 has been checked by the reader.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> utf8) =>
        (uint)(utf8.Length - 1) < ushort.MaxValue && utf8.IndexOfAny((byte)'+', (byte)'#', (byte)0) < 0;
}
