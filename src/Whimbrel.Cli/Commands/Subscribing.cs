using System.Buffers;
using System.Threading.Channels;
using Whimbrel.Cli.Messages;
using Whimbrel.Cli.Wire;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>One run of <c>whimbrel sub</c>: prints what comes, on the connection's reading loop.</summary>
internal sealed class Subscribing : IMessageSink
{
    private readonly SubSettings _settings;
    private readonly ToolContext _context;
    private readonly Action<string>? _trace;
    private readonly StandardOutput _output;

    // Topics whose retained message is to be removed; an unbounded queue of what the broker itself holds.
    private readonly Channel<string> _toRemove = Channel.CreateUnbounded<string>();
    private long _count;

    public Subscribing(SubSettings settings, ToolContext context, Action<string>? trace)
    {
        _settings = settings;
        _context = context;
        _trace = trace;
        _output = context.Output();
    }

    public async Task<ExitCode> RunAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_context.Interrupted);
        if (_settings.Timeout is { } timeout)
            ending.CancelAfter(timeout);
        try
        {
            await using var connection = await WireConnection.OpenAsync(
                _settings.Client.Target, _settings.Client.Connect, this, _trace, ending.Token).ConfigureAwait(false);
            return await RunAsync(connection, ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_context.Interrupted.IsCancellationRequested)
        {
            return TimedOut();
        }
    }

    public SinkAnswer Take(ReadOnlySpan<byte> topic, in PublishPacket packet)
    {
        if (_output.IsGone || (_settings.RetainedOnly && !packet.Retain))
            return SinkAnswer.Stop;
        if ((_settings.IgnoreRetained && packet.Retain) || IsFilteredOut(topic))
            return SinkAnswer.More;

        var message = new ReceivedMessage { Topic = topic, Packet = packet, At = DateTimeOffset.Now };
        if (!_settings.Format.TryWrite(_output.Buffer, message))
            ClientRun.WriteLine(_context.Error, $"the payload is not JSON: topic {Escaped.Text(topic)}");
        else if (_settings.EndOfLine)
            _output.Buffer.Write("\n"u8);
        if (_settings.RemoveRetained && packet.Retain && !packet.Payload.IsEmpty)
            _toRemove.Writer.TryWrite(System.Text.Encoding.UTF8.GetString(topic));
        return ++_count == _settings.Count ? SinkAnswer.Last : SinkAnswer.More;
    }

    public bool TryFlush()
    {
        _output.Flush();
        return !_output.IsGone;
    }

    private async Task<ExitCode> RunAsync(WireConnection connection, CancellationToken ending)
    {
        var removing = RemoveAsync(connection, ending);
        try
        {
            // A session that is resumed may bring all that is wanted before the server has answered.
            var asking = AskAsync(connection, ending);
            await Task.WhenAny(asking, connection.Enough).ConfigureAwait(false);
            if (!connection.Enough.IsCompleted && !await asking.ConfigureAwait(false))
            {
                await FinishAsync(connection, removing).ConfigureAwait(false);
                return ExitCode.Refused;
            }

            if (!_settings.ExitAfterSubscribing && _settings.Filters.Count > 0)
                await await Task.WhenAny(connection.Enough, connection.Closed).WaitAsync(ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            await FinishAsync(connection, removing).ConfigureAwait(false);
            if (_context.Interrupted.IsCancellationRequested)
                throw;
            return TimedOut();
        }

        await FinishAsync(connection, removing).ConfigureAwait(false);
        return ExitCode.Ok;
    }

    /// <summary>Unsubscribes and subscribes.</summary>
    /// <returns>False if the server refused every filter.</returns>
    private async Task<bool> AskAsync(WireConnection connection, CancellationToken ending)
    {
        if (_settings.Unsubscribe.Count > 0)
            await connection.UnsubscribeAsync(_settings.Unsubscribe).WaitAsync(ending).ConfigureAwait(false);
        if (_settings.Filters.Count == 0)
            return true;

        byte[] codes = await connection.SubscribeAsync(_settings.Filters, _settings.Options).WaitAsync(ending).ConfigureAwait(false);
        int refused = 0;
        for (int i = 0; i < codes.Length && i < _settings.Filters.Count; i++)
        {
            string filter = _settings.Filters[i];
            var reason = (ReasonCode)codes[i];
            if (!ReasonCodes.IsError(reason))
            {
                _trace?.Invoke($"subscribed to '{filter}' with QoS {codes[i]}");
                continue;
            }

            refused++;
            if (!_settings.Client.IsQuiet)
                ClientRun.WriteLine(_context.Error, $"{_settings.Client.Target} refused the subscription to '{filter}': {ReasonText.Describe(reason)}");
        }

        return refused < _settings.Filters.Count;
    }

    /// <summary>Publishes an empty retained message to every topic that was printed, which removes what was retained there.</summary>
    private async Task RemoveAsync(WireConnection connection, CancellationToken ending)
    {
        var answers = new Queue<Task<ReasonCode>>();
        await foreach (string topic in _toRemove.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            var qos = (QoS)Math.Min((int)QoS.AtLeastOnce, (int)connection.Connected.MaximumQoS);
            answers.Enqueue(await connection.PublishAsync(new WireMessage(topic, default, qos, Retain: true), ending).ConfigureAwait(false));
            while (answers.TryPeek(out var oldest) && oldest.IsCompleted)
                Judge(topic, await answers.Dequeue().ConfigureAwait(false));
        }

        while (answers.TryDequeue(out var answer))
            Judge("retained", await answer.WaitAsync(ending).ConfigureAwait(false));
    }

    private async Task FinishAsync(WireConnection connection, Task removing)
    {
        _toRemove.Writer.TryComplete();
        await removing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisconnectAsync().ConfigureAwait(false);
    }

    private void Judge(string topic, ReasonCode reason)
    {
        if (ReasonCodes.IsError(reason))
            ClientRun.WriteLine(_context.Error, $"the retained message of '{topic}' was not removed: {ReasonText.Describe(reason)}");
    }

    private ExitCode TimedOut()
    {
        if (_settings.Count > 0 && !_settings.Client.IsQuiet)
            ClientRun.WriteLine(_context.Error, $"{_count} of {_settings.Count} messages within {_settings.Timeout!.Value.TotalSeconds:0.###} seconds");
        return ExitCode.TimedOut;
    }

    private bool IsFilteredOut(ReadOnlySpan<byte> topic)
    {
        foreach (byte[] filter in _settings.FilterOut)
        {
            if (TopicFilter.Matches(filter, topic))
                return true;
        }

        return false;
    }
}
