using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Whimbrel.Broker;

namespace Whimbrel.Server;

/// <summary>
/// Where the tool asks a running broker for what only the holder of the data directory can do: a unix socket in that directory, for its
/// owner alone. One line is asked, <c>checkpoint NAME</c>, and one is answered, <c>ok</c> or <c>error MESSAGE</c>.
/// </summary>
/// <remarks>Not on Windows yet, which would take a named pipe: there backups are made of a broker that is stopped.</remarks>
internal sealed class ControlSocket : IAsyncDisposable
{
    public const string FileName = "control.sock";

    /// <summary>What the kernel's address has room for, with the end of the text.</summary>
    private const int PathBytesMax = 107;
    private const int LineBytesMax = 256;

    private static readonly TimeSpan LineTime = TimeSpan.FromSeconds(5);

    private readonly string _path;
    private readonly Action<string> _checkpoint;
    private readonly ILogger _logger;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _serving;

    private ControlSocket(string path, Action<string> checkpoint, ILogger logger, Socket listener)
    {
        _path = path;
        _checkpoint = checkpoint;
        _logger = logger;
        _listener = listener;
        _serving = Task.Run(ServeAsync);
    }

    /// <summary>Listens in a data directory that this process holds. Where that cannot be, the log says so: the broker does without.</summary>
    /// <param name="directory">The data directory.</param>
    /// <param name="checkpoint">Makes the checkpoint of that name, or throws a <see cref="StoreException"/>.</param>
    /// <param name="logger">Hears of what cannot be done.</param>
    public static ControlSocket? Open(string directory, Action<string> checkpoint, ILogger logger)
    {
        if (OperatingSystem.IsWindows())
            return null;
        string path = Path.Combine(directory, FileName);
        if (Encoding.UTF8.GetByteCount(path) > PathBytesMax)
        {
            ControlLog.Unavailable(logger, path, "the path is too long for a unix socket");
            return null;
        }

        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // Whoever holds the directory knows that a socket in it is what a crash left.
            File.Delete(path);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen();
            return new ControlSocket(path, checkpoint, logger, listener);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            listener.Dispose();
            ControlLog.Unavailable(logger, path, e.Message);
            return null;
        }
    }

    /// <summary>Ends when what is being done is done: afterwards the store may be closed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(false);
        _listener.Dispose();
        File.Delete(_path);
        _stopping.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                using Socket peer = await _listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                await AnswerAsync(peer).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The broker stops, or somebody asked nothing in all that time.
            }
            catch (Exception e)
            {
                // One request that fails must not be the last.
                ControlLog.Failed(_logger, e, _path);
            }
        }
    }

    private async Task AnswerAsync(Socket peer)
    {
        string line;
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token))
        {
            limit.CancelAfter(LineTime);
            line = await ReadLineAsync(peer, limit.Token).ConfigureAwait(false);
        }

        string answer = Answer(line).ReplaceLineEndings(" ");
        // It fits into the socket's buffer: this does not wait for anybody.
        await peer.SendAsync(Encoding.UTF8.GetBytes(answer + "\n"), CancellationToken.None).ConfigureAwait(false);
    }

    private string Answer(string line)
    {
        if (line.Split(' ') is not ["checkpoint", { Length: > 0 } name])
            return "error this broker understands 'checkpoint NAME' only";
        try
        {
            _checkpoint(name);
            return "ok";
        }
        catch (StoreException e)
        {
            ControlLog.CheckpointFailed(_logger, e.Message);
            return $"error {e.Message}";
        }
    }

    /// <returns>What came before the end of the line, or of what fits.</returns>
    private static async Task<string> ReadLineAsync(Socket peer, CancellationToken cancel)
    {
        byte[] bytes = new byte[LineBytesMax];
        int length = 0;
        int end = -1;
        while (end < 0 && length < bytes.Length)
        {
            int read = await peer.ReceiveAsync(bytes.AsMemory(length), cancel).ConfigureAwait(false);
            if (read == 0)
                break;
            length += read;
            end = bytes.AsSpan(0, length).IndexOf((byte)'\n');
        }

        return Encoding.UTF8.GetString(bytes, 0, end < 0 ? length : end);
    }
}
