using System.CommandLine;
using Microsoft.Extensions.Hosting;
using Whimbrel.Broker;
using Whimbrel.Hosting;
using Whimbrel.Server;

namespace Whimbrel.Cli.Commands;

/// <summary><c>whimbrel serve</c>: runs the broker until SIGINT or SIGTERM.</summary>
internal sealed class ServeCommand : Command
{
    private readonly ConfigurationOptions _configuration = new();

    public ServeCommand(ToolContext context)
        : base("serve", "Run the broker.")
    {
        _configuration.AddTo(this);
        SetAction((parsed, cancel) => RunAsync(parsed, context, cancel));
    }

    private async Task<int> RunAsync(ParseResult parsed, ToolContext context, CancellationToken cancel)
    {
        var loaded = _configuration.Load(parsed, context);
        if (!ConfigurationOptions.IsAcceptable(loaded, context))
            return (int)ExitCode.Usage;

        var host = StandaloneBroker.Build(loaded.Configuration, context.Error);
        try
        {
            await host.RunAsync(cancel).ConfigureAwait(false);
            // The host stops by itself when the disk has failed.
            return Environment.ExitCode == 0 ? (int)ExitCode.Ok : (int)ExitCode.Failed;
        }
        catch (ListenException e)
        {
            ClientRun.WriteLine(context.Error, $"cannot listen on {e.Message}");
            return (int)ExitCode.Failed;
        }
        catch (StoreException e)
        {
            ClientRun.WriteLine(context.Error, e.Message);
            return (int)ExitCode.Failed;
        }
        catch (PlatformNotSupportedException e)
        {
            ClientRun.WriteLine(context.Error, e.Message);
            return (int)ExitCode.Failed;
        }
    }
}
