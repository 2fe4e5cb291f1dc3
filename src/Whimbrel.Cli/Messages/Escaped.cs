using System.Globalization;
using System.Text;

namespace Whimbrel.Cli.Messages;

/// <summary>A peer's words, fit for a terminal: control characters are escaped.</summary>
internal static class Escaped
{
    private const int LengthMax = 2000;

    public static string Text(string said)
    {
        var text = new StringBuilder();
        foreach (var rune in said.AsSpan(0, Math.Min(said.Length, LengthMax)).EnumerateRunes())
        {
            if (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format)
                text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}");
            else
                text.Append(rune.ToString());
        }

        return text.ToString();
    }
}
