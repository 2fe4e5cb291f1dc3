using System.Text.Unicode;

namespace Whimbrel.Protocol;

/// <summary>What MQTT accepts as text.</summary>
public static class Utf8Rules
{
    /// <summary>
    /// Well-formed UTF-8 without surrogates and overlong forms [MQTT-1.5.4-1] and without U+0000 [MQTT-1.5.4-2].
    /// U+FEFF is an ordinary character and stays [MQTT-1.5.4-3]; control and non-characters, which a receiver may refuse,
    /// are accepted because clients in the field send them.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> utf8) => !utf8.Contains((byte)0) && Utf8.IsValid(utf8);
}
