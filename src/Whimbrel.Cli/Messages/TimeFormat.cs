using System.Globalization;

namespace Whimbrel.Cli.Messages;

/// <summary>The conversions of strftime(3) in the C locale, and mosquitto's <c>N</c> for nanoseconds.</summary>
internal static class TimeFormat
{
    /// <returns>Null if there is no such conversion.</returns>
    public static string? Format(char conversion, DateTimeOffset at)
    {
        return conversion switch
        {
            'a' => Custom("ddd"),
            'A' => Custom("dddd"),
            'b' or 'h' => Custom("MMM"),
            'B' => Custom("MMMM"),
            'c' => $"{Custom("ddd MMM")} {at.Day,2} {Custom("HH:mm:ss yyyy")}",
            'C' => Two(at.Year / 100),
            'd' => Custom("dd"),
            'D' or 'x' => Custom("MM/dd/yy"),
            'e' => $"{at.Day,2}",
            'F' => Custom("yyyy-MM-dd"),
            'g' => Two(ISOWeek.GetYear(at.DateTime) % 100),
            'G' => ISOWeek.GetYear(at.DateTime).ToString(CultureInfo.InvariantCulture),
            'H' => Custom("HH"),
            'I' => Custom("hh"),
            'j' => at.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'k' => $"{at.Hour,2}",
            'l' => $"{(at.Hour + 11) % 12 + 1,2}",
            'm' => Custom("MM"),
            'M' => Custom("mm"),
            'n' => "\n",
            'N' => (at.UtcTicks % TimeSpan.TicksPerSecond * 100).ToString("000000000", CultureInfo.InvariantCulture),
            'p' => Custom("tt"),
            'P' => Custom("tt").ToLowerInvariant(),
            'r' => Custom("hh:mm:ss tt"),
            'R' => Custom("HH:mm"),
            's' => at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'S' => Custom("ss"),
            't' => "\t",
            'T' or 'X' => Custom("HH:mm:ss"),
            'u' => (((int)at.DayOfWeek + 6) % 7 + 1).ToString(CultureInfo.InvariantCulture),
            'U' => Two((at.DayOfYear - 1 + 7 - (int)at.DayOfWeek) / 7),
            'V' => Two(ISOWeek.GetWeekOfYear(at.DateTime)),
            'w' => ((int)at.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'W' => Two((at.DayOfYear - 1 + 7 - ((int)at.DayOfWeek + 6) % 7) / 7),
            'y' => Custom("yy"),
            'Y' => Custom("yyyy"),
            'z' => MessageJson.Offset(at),
            'Z' when at.Offset == TimeSpan.Zero => "UTC",
            'Z' => TimeZoneInfo.Local.IsDaylightSavingTime(at) ? TimeZoneInfo.Local.DaylightName : TimeZoneInfo.Local.StandardName,
            '%' => "%",
            _ => null,
        };

        string Custom(string format) => at.ToString(format, CultureInfo.InvariantCulture);

        static string Two(int number) => number.ToString("00", CultureInfo.InvariantCulture);
    }
}
