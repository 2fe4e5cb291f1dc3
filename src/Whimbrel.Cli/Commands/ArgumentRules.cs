using System.CommandLine;
using Whimbrel.Cli.Connections;

namespace Whimbrel.Cli.Commands;

/// <summary>
/// Turns a command line as mosquitto's tools read it into one that the parser reads the same way: what follows an option that
/// takes a value is its value, whatever it looks like (<c>-m -5</c>), <c>-D</c> takes three or four words, and an option that does
/// not exist is an error and not a topic.
/// </summary>
internal static class ArgumentRules
{
    /// <summary>Between the words of one <c>-D</c>; no argument of a process can contain it.</summary>
    public const char WordSeparator = '\0';

    // Of mosquitto's tools, and not of these.
    private static readonly Dictionary<string, string> Missing = new()
    {
        ["--capath"] = "use --cafile, with all authorities in one file",
        ["--psk"] = "pre-shared keys are not supported; use certificates",
        ["--psk-identity"] = "pre-shared keys are not supported; use certificates",
        ["--ciphers"] = "the machine's settings decide about ciphers",
        ["--tls-version"] = "the machine's settings decide about the version of TLS",
        ["--tls-engine"] = "OpenSSL's engines are not supported",
        ["--tls-use-os-certs"] = "say --tls: the machine's authorities are trusted unless --cafile says otherwise",
        ["--keyform"] = "keys are PEM files",
    };

    /// <exception cref="UsageFailure">An option does not exist or lacks its value.</exception>
    public static IReadOnlyList<string> Normalize(Command root, IReadOnlyList<string> arguments)
    {
        var command = root;
        var result = new List<string>(arguments.Count);
        var problems = new List<string>();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                result.AddRange(arguments.Skip(i));
                break;
            }

            if (argument.Length < 2 || argument[0] != '-')
            {
                if (command.Subcommands.FirstOrDefault(c => c.Name == argument || c.Aliases.Contains(argument)) is { } subcommand)
                    command = subcommand;
                result.Add(argument);
                continue;
            }

            int equals = argument.StartsWith("--", StringComparison.Ordinal) ? argument.IndexOf('=', StringComparison.Ordinal) : -1;
            string name = equals < 0 ? argument : argument[..equals];
            if (Find(root, command, name) is not { } option)
            {
                problems.Add(Unknown(root, command, name));
                continue;
            }

            if (option.Arity.MaximumNumberOfValues == 0)
            {
                if (equals >= 0)
                    problems.Add($"{name} takes no value");
                result.Add(name);
            }
            else if (equals >= 0)
            {
                AddValue(result, name, argument[(equals + 1)..]);
            }
            else if (option.Name == ClientOptions.PropertyOption)
            {
                // user-property has a name and a value, every other property a value.
                int count = i + 2 < arguments.Count && arguments[i + 2].Equals("user-property", StringComparison.OrdinalIgnoreCase) ? 4 : 3;
                count = Math.Min(count, arguments.Count - i - 1);
                result.Add($"{name}={string.Join(WordSeparator, arguments.Skip(i + 1).Take(count))}");
                i += count;
            }
            else if (++i < arguments.Count)
            {
                AddValue(result, name, arguments[i]);
            }
            else
            {
                problems.Add($"{name} needs a value");
            }
        }

        return problems.Count == 0 ? result : throw new UsageFailure(problems);
    }

    private static void AddValue(List<string> result, string name, string value)
    {
        // The parser takes "name=" for an option without its value.
        if (value.Length > 0)
            result.Add($"{name}={value}");
        else
            result.AddRange([name, value]);
    }

    private static Option? Find(Command root, Command command, string name) =>
        Options(root, command).FirstOrDefault(o => o.Name == name || o.Aliases.Contains(name));

    private static IEnumerable<Option> Options(Command root, Command command) =>
        command.Options.Concat(ReferenceEquals(root, command) ? [] : root.Options.Where(o => o.Recursive));

    private static string Unknown(Command root, Command command, string name)
    {
        if (Missing.TryGetValue(name, out string? instead))
            return $"{name}: {instead}";
        var names = Options(root, command).SelectMany(o => o.Aliases.Append(o.Name)).Where(n => n.StartsWith("--", StringComparison.Ordinal));
        string? near = name.StartsWith("--", StringComparison.Ordinal) ? Server.Spelling.Nearest(name, names) : null;
        return $"unknown option {name}{(near is null ? "" : $"; did you mean {near}?")}";
    }
}
