using System.Buffers;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Whimbrel.Cli.Messages;

/// <summary>
/// Standard output as bytes, written when asked. A reader that has gone is a normal end: <see cref="IsGone"/>.
/// </summary>
internal sealed class StandardOutput : IDisposable
{
    private readonly Stream _stream;

    public StandardOutput()
        : this(Open())
    {
    }

    public StandardOutput(Stream stream) => _stream = stream;

    public ArrayBufferWriter<byte> Buffer { get; } = new(16 * 1024);

    /// <summary>Nobody reads any more.</summary>
    public bool IsGone { get; private set; }

    public void Write(string text) => Buffer.Write(Encoding.UTF8.GetBytes(text));

    /// <exception cref="CommandFailure">It cannot be written, for another reason than that nobody reads.</exception>
    public void Flush()
    {
        if (Buffer.WrittenCount == 0)
            return;
        try
        {
            if (!IsGone)
            {
                _stream.Write(Buffer.WrittenSpan);
                _stream.Flush();
            }
        }
        catch (IOException e) when (IsBrokenPipe(e))
        {
            IsGone = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure(ExitCode.Failed, $"cannot write to standard output: {e.Message.TrimEnd('.')}");
        }

        Buffer.ResetWrittenCount();
    }

    public void Dispose() => _stream.Dispose();

    /// <summary>
    /// The console's stream hides a broken pipe, so pipes are written directly; files are not, because a file stream keeps a
    /// position of its own and would overwrite what another program writes to the same file.
    /// </summary>
    private static Stream Open()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.OpenStandardOutput();
        var direct = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return direct.CanSeek ? Console.OpenStandardOutput() : direct;
    }

    private static bool IsBrokenPipe(IOException e)
    {
        const int brokenPipe = 32; // EPIPE on Linux and macOS
        return e.HResult == brokenPipe || e.InnerException is System.Net.Sockets.SocketException
            || (OperatingSystem.IsWindows() && (e.HResult & 0xFFFF) is 109 or 232);
    }
}
