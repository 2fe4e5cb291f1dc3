using System.CommandLine;
using Whimbrel.Cli.Messages;
using Whimbrel.Cli.Stores;
using Whimbrel.Server;
using Whimbrel.Storage;

namespace Whimbrel.Cli.Commands;

/// <summary><c>whimbrel store inspect</c>: what a data directory holds, also while a broker uses it.</summary>
internal sealed class StoreCommand : Command
{
    private const string SessionsView = "sessions";
    private const string QueuesView = "queues";
    private const string RetainedView = "retained";

    private readonly Argument<string> _what = new("what")
    {
        HelpName = "sessions|queues|retained",
        Description = "What to list; without it, how much of each there is.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string> _data = DataOption();
    private readonly Option<bool> _json = ToolOption.Flag("--json", "Print one JSON object per line.");
    private readonly Option<string> _filter = ToolOption.Value(
        "--filter", "TEXT", "Only the session of this client; only messages whose topic this filter matches, or that this client is owed.");

    public StoreCommand(ToolContext context)
        : base("store", "Look at what a broker keeps on disk.")
    {
        var inspect = new Command("inspect", "List sessions, queued messages or retained messages.") { _what, _data, _json, _filter };
        inspect.SetAction(parsed => RunAsync(parsed, context));
        Add(inspect);
    }

    /// <summary>Where the data directory is: the same for all commands that read one.</summary>
    public static Option<string> DataOption() =>
        ToolOption.Value("--data", "DIR", $"The data directory; {DefaultDataDirectory.Path} when not given.");

    private async Task<int> RunAsync(ParseResult parsed, ToolContext context)
    {
        string? what = parsed.GetValue(_what);
        if (what is not (null or SessionsView or QueuesView or RetainedView))
            throw new UsageFailure($"'{what}' cannot be listed: sessions, queues and retained can");
        var store = await StoreCopy.InspectAsync(parsed.GetValue(_data) ?? DefaultDataDirectory.Path, context.Interrupted).ConfigureAwait(false);
        using var output = context.Output();
        if (parsed.GetValue(_json))
            WriteJson(store, what, new StoreFilter(parsed.GetValue(_filter)), output);
        else
            output.Write(Table(store, what, new StoreFilter(parsed.GetValue(_filter))) + "\n");
        output.Flush();
        return (int)ExitCode.Ok;
    }

    private static string Table(StoreInspection store, string? what, StoreFilter filter) => what switch
    {
        SessionsView => StoreTables.Sessions(store.Sessions.Where(filter.Matches)),
        QueuesView => StoreTables.Queues(store.Queued.Where(filter.Matches)),
        RetainedView => StoreTables.Retained(store.Retained.Where(filter.Matches)),
        _ => StoreTables.Overview(store),
    };

    private static void WriteJson(StoreInspection store, string? what, StoreFilter filter, StandardOutput output)
    {
        var json = new StoreJson(output.Buffer);
        switch (what)
        {
            case SessionsView:
                foreach (var session in store.Sessions.Where(filter.Matches))
                    Write(() => json.Session(session));
                break;
            case QueuesView:
                foreach (var message in store.Queued.Where(filter.Matches))
                    Write(() => json.Queued(message));
                break;
            case RetainedView:
                foreach (var message in store.Retained.Where(filter.Matches))
                    Write(() => json.Retained(message));
                break;
            default:
                json.Overview(store);
                break;
        }

        void Write(Action line)
        {
            const int flushBytes = 64 * 1024;
            line();
            if (output.Buffer.WrittenCount > flushBytes)
                output.Flush();
        }
    }
}
