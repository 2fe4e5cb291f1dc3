using System.CommandLine;
using Whimbrel.Server;

namespace Whimbrel.Cli.Commands;

/// <summary><c>whimbrel config check</c> and <c>whimbrel config show</c>.</summary>
internal sealed class ConfigCommand : Command
{
    public ConfigCommand(ToolContext context)
        : base("config", "Look at the broker's configuration.")
    {
        Add(Check(context));
        Add(Show(context));
    }

    private static Command Check(ToolContext context)
    {
        var file = new Argument<string>("file")
        {
            HelpName = "FILE",
            Description = "The file to check; without one the environment alone.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("check", "Check a configuration: one line if it is good, otherwise every error with its place.") { file };
        command.SetAction(parsed =>
        {
            var loader = new ConfigurationLoader();
            loader.AddEnvironment(context.Environment.OrderBy(v => v.Key, StringComparer.Ordinal));
            if (parsed.GetValue(file) is { } path)
                loader.AddFile(path);
            var loaded = loader.Load();
            if (!ConfigurationOptions.IsAcceptable(loaded, context))
                return (int)ExitCode.Usage;
            Write(context, $"ok: {parsed.GetValue(file) ?? "environment"}");
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static Command Show(ToolContext context)
    {
        var options = new ConfigurationOptions();
        var table = ToolOption.Flag("--table", "As a table that says where each value comes from.");
        var command = new Command("show", "Print the effective configuration as JSON.");
        options.AddTo(command);
        command.Add(table);
        command.SetAction(parsed =>
        {
            var loaded = options.Load(parsed, context);
            if (!ConfigurationOptions.IsAcceptable(loaded, context))
                return (int)ExitCode.Usage;
            Write(context, parsed.GetValue(table) ? Table(loaded) : ConfigurationDocument.ToJson(loaded.Configuration));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static string Table(LoadedConfiguration loaded)
    {
        var table = new TextTable("key", "value", "from");
        foreach (var (key, value, origin) in ConfigurationDocument.Rows(loaded))
            table.Add(key, value, origin);
        return table.ToString();
    }

    private static void Write(ToolContext context, string text)
    {
        using var output = context.Output();
        output.Write(text + "\n");
        output.Flush();
    }
}
