using System.CommandLine;
using System.Globalization;

namespace Whimbrel.Cli.Commands;

/// <summary>The kinds of options that the commands have.</summary>
internal static class ToolOption
{
    public static Option<string> Value(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.ExactlyOne };

    public static Option<string[]> Values(string name, string valueName, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = valueName, Arity = ArgumentArity.OneOrMore };

    public static Option<bool> Flag(string name, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, Arity = ArgumentArity.Zero };

    public static long ReadNumber(ParseResult parsed, Option<string> option, long min, long max, long otherwise, List<string> problems)
    {
        if (parsed.GetValue(option) is not { } text)
            return otherwise;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= min && number <= max)
            return number;
        string range = (min, max) == (0, 2) ? "0, 1 or 2" : $"a number from {min} to {max}";
        problems.Add($"{Spelled(option)} must be {range}, not '{text}'");
        return otherwise;
    }

    /// <summary>The name that people use: the short one where there is one.</summary>
    public static string Spelled(Option option) => option.Aliases.FirstOrDefault() ?? option.Name;
}
