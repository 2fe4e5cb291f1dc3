using System.CommandLine;
using System.CommandLine.Help;
using Whimbrel.Broker;
using Whimbrel.Cli.Bench;

namespace Whimbrel.Cli.Commands;

/// <summary>The tool as a function: arguments in, exit code out.</summary>
internal static class Tool
{
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, ToolContext context)
    {
        var root = Build(context);
        try
        {
            var parsed = Parse(root, arguments);
            if (parsed.Errors.Count > 0)
                throw new UsageFailure([.. parsed.Errors.Select(e => e.Message).Distinct()]);

            using var output = new StringWriter();
            int code = await parsed.InvokeAsync(new InvocationConfiguration
            {
                // Signals are ours, or the host's: the parser's own handling would end the process on its own terms.
                ProcessTerminationTimeout = null,
                EnableDefaultExceptionHandler = false,
                Output = output,
                Error = context.Error,
            }).ConfigureAwait(false);
            WriteHelp(output.ToString(), context);
            return code;
        }
        catch (UsageFailure failure)
        {
            foreach (string problem in failure.Problems)
                ClientRun.WriteLine(context.Error, problem);
            string command = arguments.Count > 0 && root.Subcommands.Any(c => c.Name == arguments[0]) ? $" {arguments[0]}" : "";
            ClientRun.WriteLine(context.Error, $"see whimbrel{command} --help");
            return (int)ExitCode.Usage;
        }
        catch (CommandFailure failure)
        {
            ClientRun.WriteLine(context.Error, failure.Message);
            return (int)failure.Code;
        }
        catch (StoreException failure)
        {
            ClientRun.WriteLine(context.Error, failure.Message);
            return (int)ExitCode.Failed;
        }
        catch (OperationCanceledException) when (context.Interrupted.IsCancellationRequested)
        {
            return (int)ExitCode.Interrupted;
        }
    }

    public static RootCommand Build(ToolContext context)
    {
        var root = new RootCommand("Whimbrel, an MQTT broker and its tools.")
        {
            new ServeCommand(context),
            new PubCommand(context),
            new SubCommand(context),
            new ConfigCommand(context),
            new StoreCommand(context),
            new BackupCommand(context),
            new BenchCommand(context),
        };

        // -h is the host, as with mosquitto's tools; directives such as [diagram] are nobody's business.
        foreach (var help in root.Options.OfType<HelpOption>().ToList())
            root.Options.Remove(help);
        root.Options.Add(new HelpOption("--help", []));
        root.Directives.Clear();
        return root;
    }

    public static ParseResult Parse(RootCommand root, IReadOnlyList<string> arguments) =>
        root.Parse(ArgumentRules.Normalize(root, arguments), new ParserConfiguration
        {
            EnablePosixBundling = false,
            ResponseFileTokenReplacer = null,
        });

    private static void WriteHelp(string text, ToolContext context)
    {
        if (text.Length == 0)
            return;
        using var output = context.Output();
        output.Write(text);
        output.Flush();
    }
}
