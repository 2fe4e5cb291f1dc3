using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Whimbrel.Client.Hosting;

/// <summary>One key of a configuration with what stands below it, read as what is wanted or refused with its path.</summary>
internal readonly struct SectionValue(IConfigurationSection section)
{
    public string Text() => section.Value ?? throw Wrong("one value is wanted here");

    /// <summary>One value or a list of them.</summary>
    public List<string> Texts()
    {
        if (section.Value is { } one)
            return [one];
        var texts = new List<string>();
        foreach (IConfigurationSection child in section.GetChildren())
            texts.Add(new SectionValue(child).Text());
        return texts;
    }

    /// <summary>Names and values of its own.</summary>
    public List<KeyValuePair<string, string>> Pairs()
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (IConfigurationSection child in section.GetChildren())
            pairs.Add(new(child.Key, new SectionValue(child).Text()));
        return pairs;
    }

    public bool Truth() => bool.TryParse(Text(), out bool truth) ? truth : throw Wrong($"'{section.Value}' is neither true nor false");

    public int Whole() => int.TryParse(Text(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw WrongNumber(int.MaxValue);

    public long Long() => long.TryParse(Text(), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : throw WrongNumber(long.MaxValue);

    public ushort Short() => ushort.TryParse(Text(), NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) ? number : throw WrongNumber(ushort.MaxValue);

    /// <summary>Seconds, or hours:minutes:seconds. A bare number is seconds, as in addresses, and not days.</summary>
    public TimeSpan Time()
    {
        string text = Text();
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds <= uint.MaxValue)
            return TimeSpan.FromSeconds(seconds);
        return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan time) && time >= TimeSpan.Zero
            ? time
            : throw Wrong($"'{text}' is neither a number of seconds nor hours:minutes:seconds");
    }

    public Uri Address() => Uri.TryCreate(Text(), UriKind.Absolute, out Uri? address) ? address : throw Wrong($"'{section.Value}' is not an address");

    public T Choice<T>()
        where T : struct, Enum => Enum.TryParse(Text(), ignoreCase: true, out T choice) && Enum.IsDefined(choice)
        ? choice
        : throw Wrong($"'{section.Value}' is none of {string.Join(", ", Enum.GetNames<T>())}");

    /// <summary>Everything that stands below, each by its key.</summary>
    public void Apply<T>(Dictionary<string, Action<SectionValue, T>> keys, T options)
    {
        if (!string.IsNullOrEmpty(section.Value))
            throw Wrong($"keys are wanted here: {string.Join(", ", keys.Keys)}");
        foreach (IConfigurationSection child in section.GetChildren())
        {
            if (!keys.TryGetValue(child.Key, out Action<SectionValue, T>? apply))
                throw new FormatException($"{child.Path} is not an option of an MQTT client; known here are {string.Join(", ", keys.Keys)}.");
            apply(new SectionValue(child), options);
        }
    }

    public FormatException Wrong(string reason) => new($"{section.Path}: {reason}.");

    private FormatException WrongNumber(long max) => Wrong($"'{section.Value}' is not a whole number from 0 to {max.ToString(CultureInfo.InvariantCulture)}");
}
