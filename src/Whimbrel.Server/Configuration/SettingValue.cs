using System.Globalization;

namespace Whimbrel.Server;

internal enum SettingForm : byte
{
    Null,
    Number,

    /// <summary>A number that is not whole or does not fit in 64 bits; <see cref="SettingValue.Text"/> is its spelling.</summary>
    OtherNumber,
    Boolean,
    Text,
    List,
    Section,
}

/// <summary>A value as it stands in a file, before a setting has judged it, or as a setting shows it.</summary>
internal readonly record struct SettingValue(SettingForm Form)
{
    public long Number { get; private init; }

    public string Text { get; private init; } = "";

    public IReadOnlyList<SettingValue> Items { get; private init; } = [];

    /// <summary>Where it stands in its file; 1-based, 0 if it comes from elsewhere.</summary>
    public int Line { get; init; }

    public int Column { get; init; }

    public static SettingValue Of(long number) => new(SettingForm.Number) { Number = number };

    public static SettingValue Of(bool flag) => new(SettingForm.Boolean) { Number = flag ? 1 : 0 };

    public static SettingValue Of(string? text) => text is null ? new(SettingForm.Null) : new(SettingForm.Text) { Text = text };

    public static SettingValue Of(IReadOnlyList<SettingValue> items) => new(SettingForm.List) { Items = items };

    public static SettingValue OfOtherNumber(string spelling) => new(SettingForm.OtherNumber) { Text = spelling };

    public bool IsTrue => Number != 0;

    /// <summary>The value as a message quotes it.</summary>
    public override string ToString() => Form switch
    {
        SettingForm.Null => "null",
        SettingForm.Number => Number.ToString(CultureInfo.InvariantCulture),
        SettingForm.OtherNumber => Text,
        SettingForm.Boolean => IsTrue ? "true" : "false",
        SettingForm.Text => $"\"{Text}\"",
        SettingForm.List => $"[{string.Join(", ", Items)}]",
        _ => "an object",
    };
}
