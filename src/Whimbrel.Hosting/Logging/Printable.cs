using System.Globalization;
using System.Text;

namespace Whimbrel.Hosting;

/// <summary>Text of a peer as it may stand in a log: a client must not be able to write lines of its own.</summary>
internal static class Printable
{
    private const int LengthMax = 256;

    public static string Of(string? text)
    {
        if (text is null)
            return "";
        if (text.Length <= LengthMax && !text.Any(MustEscape))
            return text;

        var escaped = new StringBuilder(Math.Min(text.Length, LengthMax) + 8);
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, LengthMax)))
        {
            if (MustEscape(c))
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else
                escaped.Append(c);
        }

        return text.Length > LengthMax ? escaped.Append("...").ToString() : escaped.ToString();
    }

    public static string Of(ReadOnlySpan<byte> utf8) => Of(Encoding.UTF8.GetString(utf8[..Math.Min(utf8.Length, 4 * LengthMax)]));

    // Controls, and what turns the direction or breaks the line elsewhere.
    private static bool MustEscape(char c) => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
