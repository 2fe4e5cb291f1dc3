using Whimbrel.Cli.Connections;

namespace Whimbrel.Cli.Commands;

/// <summary>Runs a command's client part and turns how it ended into a line and an exit code.</summary>
internal static class ClientRun
{
    // mosquitto's, for --mosquitto-exit-codes.
    private const int MosquittoTimeout = 27;
    private const int MosquittoFailure = 1;

    public static async Task<int> RunAsync(ClientSettings settings, ToolContext context, Func<Task<ExitCode>> run)
    {
        try
        {
            return Code(settings, await run().ConfigureAwait(false), null);
        }
        catch (OperationCanceledException) when (context.Interrupted.IsCancellationRequested)
        {
            return Code(settings, ExitCode.Interrupted, null);
        }
        catch (CommandFailure failure)
        {
            if (!settings.IsQuiet)
                WriteLine(context.Error, failure.Message);
            return Code(settings, failure.Code, failure.ConnectCode);
        }
    }

    /// <summary>One line to people, with the tool's name as every tool does it.</summary>
    public static void WriteLine(TextWriter error, string line)
    {
        lock (error)
        {
            error.WriteLine($"whimbrel: {line}");
            error.Flush();
        }
    }

    private static int Code(ClientSettings settings, ExitCode code, byte? connectCode)
    {
        if (!settings.MosquittoExitCodes)
            return (int)code;
        return code switch
        {
            ExitCode.Ok => 0,
            ExitCode.TimedOut => MosquittoTimeout,
            _ => connectCode ?? MosquittoFailure,
        };
    }
}
