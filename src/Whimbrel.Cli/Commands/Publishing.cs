using System.Buffers;
using Whimbrel.Cli.Wire;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>One run of <c>whimbrel pub</c>.</summary>
internal sealed class Publishing(PubSettings settings, ToolContext context, Action<string>? trace)
{
    // Of MQTT: the largest Remaining Length, less than which a payload is.
    private const int PayloadBytesMax = 268_435_455;

    private readonly Queue<Task<ReasonCode>> _unacknowledged = [];
    private ExitCode _outcome = ExitCode.Ok;

    public async Task<ExitCode> RunAsync()
    {
        // A file that cannot be read is found before the broker is troubled.
        byte[] payload = settings.Source switch
        {
            PayloadSource.Text => WireText.Encode(settings.Text),
            PayloadSource.File => ReadFile(settings.Text),
            _ => [],
        };

        await using var connection = await WireConnection.OpenAsync(
            settings.Client.Target, settings.Client.Connect, null, trace, context.Interrupted).ConfigureAwait(false);
        try
        {
            switch (settings.Source)
            {
                case PayloadSource.Lines:
                    await PublishLinesAsync(connection).ConfigureAwait(false);
                    break;
                case PayloadSource.StandardInput:
                    payload = await OrClosedAsync(connection, ReadAllAsync()).ConfigureAwait(false);
                    await PublishRepeatedlyAsync(connection, payload).ConfigureAwait(false);
                    break;
                default:
                    await PublishRepeatedlyAsync(connection, payload).ConfigureAwait(false);
                    break;
            }

            while (_unacknowledged.TryDequeue(out var answer))
                Judge(await answer.WaitAsync(context.Interrupted).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (context.Interrupted.IsCancellationRequested)
        {
            await connection.DisconnectAsync().ConfigureAwait(false);
            throw;
        }

        // What QoS 0 has lost shows here or nowhere.
        await connection.DisconnectAsync().ConfigureAwait(false);
        await connection.Closed.ConfigureAwait(false);
        return _outcome;
    }

    private async Task PublishRepeatedlyAsync(WireConnection connection, byte[] payload)
    {
        for (int i = 0; i < settings.Repeat; i++)
        {
            if (i > 0 && settings.RepeatDelay > TimeSpan.Zero)
                await OrClosedAsync(connection, Task.Delay(settings.RepeatDelay, context.Interrupted)).ConfigureAwait(false);
            await PublishAsync(connection, payload).ConfigureAwait(false);

            // The delay begins when the message before has been delivered.
            while (settings.RepeatDelay > TimeSpan.Zero && _unacknowledged.TryDequeue(out var answer))
                Judge(await answer.WaitAsync(context.Interrupted).ConfigureAwait(false));
        }
    }

    private async Task PublishLinesAsync(WireConnection connection)
    {
        var input = context.Input();
        byte[] buffer = new byte[64 * 1024];
        var line = new ArrayBufferWriter<byte>();
        while (await OrClosedAsync(connection, input.ReadAsync(buffer, context.Interrupted).AsTask()).ConfigureAwait(false) is > 0 and var count)
        {
            var rest = buffer.AsMemory(0, count);
            while (rest.Span.IndexOf((byte)'\n') is >= 0 and var end)
            {
                line.Write(rest.Span[..end]);
                await PublishAsync(connection, WithoutCarriageReturn(line.WrittenSpan)).ConfigureAwait(false);
                line.ResetWrittenCount();
                rest = rest[(end + 1)..];
            }

            line.Write(rest.Span);
            if (line.WrittenCount > PayloadBytesMax)
                throw new CommandFailure(ExitCode.Failed, $"a line has more than the {PayloadBytesMax} bytes that a message may have");
        }

        if (line.WrittenCount > 0)
            await PublishAsync(connection, line.WrittenSpan.ToArray()).ConfigureAwait(false);
    }

    private async Task PublishAsync(WireConnection connection, byte[] payload)
    {
        var message = new WireMessage(settings.Topic, payload, settings.Client.QoS, settings.Retain);
        var answer = await connection.PublishAsync(message, context.Interrupted).ConfigureAwait(false);
        if (settings.Client.QoS == QoS.AtMostOnce)
            return;
        _unacknowledged.Enqueue(answer);
        while (_unacknowledged.TryPeek(out var oldest) && oldest.IsCompleted)
            Judge(await _unacknowledged.Dequeue().ConfigureAwait(false));
    }

    private void Judge(ReasonCode reason)
    {
        if (reason == ReasonCode.NoMatchingSubscribers)
            trace?.Invoke($"nobody is subscribed to '{settings.Topic}' (0x10)");
        if (!ReasonCodes.IsError(reason))
            return;
        if (!settings.Client.IsQuiet && _outcome == ExitCode.Ok)
            ClientRun.WriteLine(context.Error, $"{settings.Client.Target} refused the message to '{settings.Topic}': {ReasonText.Describe(reason)}");
        _outcome = ReasonText.IsRefusal(reason) ? ExitCode.Refused : ExitCode.Failed;
    }

    private async Task<byte[]> ReadAllAsync()
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        var input = context.Input();
        while (await input.ReadAsync(buffer, context.Interrupted).ConfigureAwait(false) is > 0 and var count)
        {
            all.Write(buffer, 0, count);
            if (all.Length > PayloadBytesMax)
                throw new CommandFailure(ExitCode.Failed, $"standard input has more than the {PayloadBytesMax} bytes that a message may have");
        }

        return all.ToArray();
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > PayloadBytesMax })
                throw new CommandFailure(ExitCode.Failed, $"{path} has more than the {PayloadBytesMax} bytes that a message may have");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string why = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message.TrimEnd('.');
            throw new CommandFailure(ExitCode.Usage, $"-f {path}: {why}");
        }
    }

    /// <summary>Waits for something of this side, unless the connection ends first: reading a terminal cannot be cancelled.</summary>
    private async Task<T> OrClosedAsync<T>(WireConnection connection, Task<T> work)
    {
        await OrClosedAsync(connection, (Task)work).ConfigureAwait(false);
        return await work.ConfigureAwait(false);
    }

    private async Task OrClosedAsync(WireConnection connection, Task work)
    {
        if (await Task.WhenAny(work, connection.Closed).WaitAsync(context.Interrupted).ConfigureAwait(false) == connection.Closed)
            await connection.Closed.ConfigureAwait(false);
        await work.ConfigureAwait(false);
    }

    private static byte[] WithoutCarriageReturn(ReadOnlySpan<byte> line) =>
        (OperatingSystem.IsWindows() && line is [.., (byte)'\r'] ? line[..^1] : line).ToArray();
}
