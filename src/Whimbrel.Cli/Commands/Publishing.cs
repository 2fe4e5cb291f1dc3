using System.Buffers;
using System.Text;
using Whimbrel.Cli.Connections;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>One run of <c>whimbrel pub</c>.</summary>
internal sealed class Publishing(PubSettings settings, ToolContext context) : IAsyncDisposable
{
    // Of MQTT: the largest Remaining Length, less than which a payload is.
    private const int PayloadBytesMax = 268_435_455;

    // Read ahead of the acknowledgements.
    private const int UnacknowledgedMax = 1000;
    private const long UnacknowledgedBytesMax = 16 * 1024 * 1024;

    private readonly Queue<(Task<MqttPublishResult> Answer, int Bytes)> _unacknowledged = [];

    // One message is sent or not; who pipes lines in wants to hear of a broken connection and go on.
    private readonly CommandClient _client = new(settings.Client, context, reconnects: settings.Source == PayloadSource.Lines);
    private ExitCode _outcome = ExitCode.Ok;
    private long _unacknowledgedBytes;

    private PropertySet Properties => settings.Client.Properties[PropertyScope.Publish];

    public async Task<ExitCode> RunAsync()
    {
        // A file that cannot be read is found before the broker is troubled.
        byte[] payload = settings.Source switch
        {
            PayloadSource.Text => Encoding.UTF8.GetBytes(settings.Text),
            PayloadSource.File => ReadFile(settings.Text),
            _ => [],
        };

        await _client.ConnectAsync(context.Interrupted).ConfigureAwait(false);
        try
        {
            switch (settings.Source)
            {
                case PayloadSource.Lines:
                    await PublishLinesAsync().ConfigureAwait(false);
                    break;
                case PayloadSource.StandardInput:
                    payload = await _client.OrGoneAsync(ReadAllAsync(), context.Interrupted).ConfigureAwait(false);
                    await PublishRepeatedlyAsync(payload).ConfigureAwait(false);
                    break;
                default:
                    await PublishRepeatedlyAsync(payload).ConfigureAwait(false);
                    break;
            }

            await JudgeAllAsync().ConfigureAwait(false);

            // What QoS 0 has lost shows here or nowhere.
            if (settings.Client.QoS == MqttQoS.AtMostOnce)
                await _client.Client.PingAsync(context.Interrupted).ConfigureAwait(false);
        }
        catch (MqttException failure)
        {
            // Why the connection is gone says more than that it is.
            if (failure is MqttNotConnectedException && await Task.WhenAny(_client.Gone, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false) == _client.Gone)
                await _client.Gone.ConfigureAwait(false);
            throw _client.FailureOf(failure);
        }

        return _outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _client.LeaveAsync().ConfigureAwait(false);
        await _client.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PublishRepeatedlyAsync(byte[] payload)
    {
        for (int i = 0; i < settings.Repeat; i++)
        {
            if (i > 0 && settings.RepeatDelay > TimeSpan.Zero)
                await Task.WhenAny(Task.Delay(settings.RepeatDelay, context.Interrupted), _client.Gone).Unwrap().ConfigureAwait(false);
            await PublishAsync(payload).ConfigureAwait(false);

            // The delay begins when the message before has been delivered.
            if (settings.RepeatDelay > TimeSpan.Zero)
                await JudgeAllAsync().ConfigureAwait(false);
        }
    }

    private async Task PublishLinesAsync()
    {
        var input = context.Input();
        byte[] buffer = new byte[64 * 1024];
        var line = new ArrayBufferWriter<byte>();
        while (await _client.OrGoneAsync(input.ReadAsync(buffer, context.Interrupted).AsTask(), context.Interrupted).ConfigureAwait(false) is > 0 and var count)
        {
            var rest = buffer.AsMemory(0, count);
            while (rest.Span.IndexOf((byte)'\n') is >= 0 and var end)
            {
                line.Write(rest.Span[..end]);
                await PublishAsync(WithoutCarriageReturn(line.WrittenSpan)).ConfigureAwait(false);
                line.ResetWrittenCount();
                rest = rest[(end + 1)..];
            }

            line.Write(rest.Span);
            if (line.WrittenCount > PayloadBytesMax)
                throw new CommandFailure(ExitCode.Failed, $"a line has more than the {PayloadBytesMax} bytes that a message may have");
        }

        if (line.WrittenCount > 0)
            await PublishAsync(line.WrittenSpan.ToArray()).ConfigureAwait(false);
    }

    private async Task PublishAsync(byte[] payload)
    {
        var message = Properties.Message(settings.Topic, payload, settings.Client.QoS, settings.Retain);
        var answer = _client.Client.PublishAsync(message, context.Interrupted);
        if (settings.Client.QoS == MqttQoS.AtMostOnce)
        {
            await answer.ConfigureAwait(false);
            return;
        }

        _unacknowledged.Enqueue((answer.AsTask(), payload.Length));
        _unacknowledgedBytes += payload.Length;
        while (_unacknowledged.TryPeek(out var oldest)
            && (oldest.Answer.IsCompleted || _unacknowledged.Count >= UnacknowledgedMax || _unacknowledgedBytes > UnacknowledgedBytesMax))
            await JudgeOldestAsync().ConfigureAwait(false);
    }

    private async Task JudgeAllAsync()
    {
        while (_unacknowledged.Count > 0)
            await JudgeOldestAsync().ConfigureAwait(false);
    }

    private async Task JudgeOldestAsync()
    {
        (Task<MqttPublishResult> answer, int bytes) = _unacknowledged.Dequeue();
        _unacknowledgedBytes -= bytes;
        try
        {
            MqttPublishResult result = await answer.ConfigureAwait(false);
            if (!result.MatchedSubscribers)
                _client.Trace($"nobody is subscribed to '{settings.Topic}' (0x10)");
        }
        catch (MqttPublishException refused)
        {
            CommandFailure failure = _client.FailureOf(refused);
            if (_outcome == ExitCode.Ok)
                _client.Say(failure.Message);
            _outcome = failure.Code;
        }
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

    private static byte[] WithoutCarriageReturn(ReadOnlySpan<byte> line) =>
        (OperatingSystem.IsWindows() && line is [.., (byte)'\r'] ? line[..^1] : line).ToArray();
}
