using Microsoft.Extensions.Logging;

namespace Whimbrel.Server.Tests;

public class LineLoggerTests
{
    [Fact]
    public async Task A_line_has_local_time_level_and_text_and_what_an_exception_says_below_it()
    {
        var output = new StringWriter();
        await using (var provider = new LineLoggerProvider(output, new StoppedClock()))
        {
            ILogger logger = provider.CreateLogger("any");
            Log(logger, LogLevel.Information, "listening on mqtt://127.0.0.1:1883");
            Log(logger, LogLevel.Error, "stopped", new InvalidOperationException("no\nluck"));
        }

        Assert.Equal(
            ["2026-02-03 06:05:06.007 info  listening on mqtt://127.0.0.1:1883", "2026-02-03 06:05:06.007 error stopped: System.InvalidOperationException: no", "    luck", ""],
            output.ToString().Split(Environment.NewLine));
    }

    [Fact]
    public async Task What_does_not_fit_while_the_output_stands_still_is_counted_and_the_count_is_written()
    {
        var output = new StuckWriter();
        await using (var provider = new LineLoggerProvider(output, TimeProvider.System))
        {
            ILogger logger = provider.CreateLogger("any");
            Log(logger, LogLevel.Information, "first");
            await output.Reached.Task;
            for (int i = 0; i < 20_000; i++)
                Log(logger, LogLevel.Information, "more");
            output.Release.SetResult();
        }

        string[] lines = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        int written = lines.Count(line => line.EndsWith(" more", StringComparison.Ordinal));
        Assert.Contains($"{20_000 - written} log lines were dropped: the output does not keep up", lines);
        Assert.InRange(written, 16_384, 19_999);
    }

    private static void Log(ILogger logger, LogLevel level, string text, Exception? exception = null) =>
        logger.Log(level, default, text, exception, static (state, _) => state);

    private sealed class StoppedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone { get; } = TimeZoneInfo.CreateCustomTimeZone("two", TimeSpan.FromHours(2), "two", "two");

        public override DateTimeOffset GetUtcNow() => new(2026, 2, 3, 4, 5, 6, 7, TimeSpan.Zero);
    }

    /// <summary>Stands still at the first write until it is released.</summary>
    private sealed class StuckWriter : StringWriter
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task WriteAsync(System.Text.StringBuilder? value, CancellationToken cancellationToken = default)
        {
            Reached.TrySetResult();
            await Release.Task.ConfigureAwait(false);
            Write(value);
        }
    }
}
