using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Whimbrel.Server;

/// <summary>
/// Writes one line per event: time, level, text. A thread of its own does the writing, so that a slow terminal stops nobody; what
/// does not fit in the queue is counted and the count is written.
/// </summary>
internal sealed class LineLoggerProvider : ILoggerProvider, IAsyncDisposable
{
    private const int QueueLength = 16_384;
    private const int BatchLength = 256 * 1024;

    // Between two batches: while thousands connect, a wake-up for each line would cost as much as the connection.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly TextWriter _output;
    private readonly TimeProvider _time;
    private readonly Channel<Line> _lines;
    private readonly Task _writing;
    private long _dropped;

    public LineLoggerProvider(TextWriter output, TimeProvider time)
    {
        _output = output;
        _time = time;
        _lines = Channel.CreateBounded<Line>(new BoundedChannelOptions(QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
        _writing = Task.Run(WriteAsync);
    }

    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName);

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Writes what waits, then ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _lines.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
    }

    private void Add(LogLevel level, string text, Exception? exception)
    {
        if (!_lines.Writer.TryWrite(new Line(_time.GetUtcNow(), level, text, exception)))
            Interlocked.Increment(ref _dropped);
    }

    private async Task WriteAsync()
    {
        var batch = new StringBuilder();
        while (await _lines.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (batch.Length < BatchLength && _lines.Reader.TryRead(out Line line))
                Append(batch, line);
            if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                batch.Append(CultureInfo.InvariantCulture, $"{dropped} log lines were dropped: the output does not keep up").AppendLine();
            await WriteAsync(batch).ConfigureAwait(false);
            batch.Clear();
            await Task.Delay(Pause, _time).ConfigureAwait(false);
        }
    }

    private void Append(StringBuilder batch, in Line line)
    {
        var time = TimeZoneInfo.ConvertTime(line.Time, _time.LocalTimeZone);
        batch.Append(CultureInfo.InvariantCulture, $"{time:yyyy-MM-dd HH:mm:ss.fff} {Word(line.Level)} {line.Text}");
        if (line.Exception is { } exception)
            batch.Append(": ").Append(exception.ToString().ReplaceLineEndings("\n    "));
        batch.AppendLine();
    }

    private async Task WriteAsync(StringBuilder batch)
    {
        try
        {
            await _output.WriteAsync(batch).ConfigureAwait(false);
            await _output.FlushAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // Nobody reads the log any more; the broker goes on.
        }
    }

    // Of one width, so that the texts stand below each other.
    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "warn ",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private readonly record struct Line(DateTimeOffset Time, LogLevel Level, string Text, Exception? Exception);

    private sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
    {
        // The host logs a failed start; so does whoever started it, in one clear line.
        private const int StartFailed = 11;

        private readonly bool _isHost = category == "Microsoft.Extensions.Hosting.Internal.Host";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (_isHost && eventId.Id == StartFailed)
                return;
            provider.Add(logLevel, formatter(state, exception), exception);
        }
    }
}
