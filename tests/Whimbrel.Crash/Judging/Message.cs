using System.Globalization;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Judging;

/// <summary>
/// One application message of a run. Its number is in its payload, so whoever receives it can say which it was; a message without payload
/// (<see cref="IsClear"/>) has none, and is judged only by what is retained after it.
/// </summary>
/// <param name="Number">Unique in the run, and rising on every topic: a topic has one publisher and one QoS.</param>
/// <param name="Size">Bytes of the payload: 0, or 10 and more.</param>
internal sealed record Message(int Number, string Topic, QoS QoS, bool Retain = false, int Size = 10)
{
    private const int NumberDigits = 9;

    public bool IsClear => Size == 0;

    /// <summary>Text that only this message has, whole: its number, then letters that follow from it.</summary>
    public string Payload => Size == 0 ? "" : string.Create(Size, Number, static (text, number) =>
    {
        number.TryFormat(text, out _, "D9", CultureInfo.InvariantCulture);
        for (int i = NumberDigits; i < text.Length; i++)
            text[i] = (char)('a' + ((number + i) % 26));
    });

    /// <summary>The number of the message whose payload this claims to be; -1 if it is none.</summary>
    public static int NumberIn(string payload) =>
        payload.Length > NumberDigits && int.TryParse(payload.AsSpan(0, NumberDigits), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
}
