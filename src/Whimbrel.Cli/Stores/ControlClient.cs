using System.Net.Sockets;
using System.Text;
using Whimbrel.Server;

namespace Whimbrel.Cli.Stores;

/// <summary>Asks the broker that holds a data directory, through the socket in it.</summary>
internal static class ControlClient
{
    // A checkpoint waits for what is in memory to be written.
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(60);

    /// <param name="data">The data directory.</param>
    /// <param name="name">The checkpoint that is to be made in it.</param>
    /// <param name="cause">Why the directory cannot be opened: said when nobody answers.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="CommandFailure">It was not made.</exception>
    public static async Task CheckpointAsync(string data, string name, string cause, CancellationToken cancel)
    {
        string path = Path.Combine(Path.GetFullPath(data), ControlSocket.FileName);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Time);
        string answer;
        try
        {
            answer = await AskAsync(path, $"checkpoint {name}\n", limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ArgumentException or PlatformNotSupportedException)
        {
            throw new CommandFailure(ExitCode.Unreachable, $"{cause}; and nobody answers on {path}: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new CommandFailure(ExitCode.TimedOut, $"the broker that uses {data} does not answer on {path}");
        }

        if (answer != "ok")
            throw new CommandFailure(ExitCode.Refused, $"the broker that uses {data} made no checkpoint: {(answer.StartsWith("error ", StringComparison.Ordinal) ? answer[6..] : "it closed the connection")}");
    }

    private static async Task<string> AskAsync(string path, string line, CancellationToken cancel)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel).ConfigureAwait(false);
        using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(line), cancel).ConfigureAwait(false);
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync(cancel).ConfigureAwait(false) ?? "";
    }
}
