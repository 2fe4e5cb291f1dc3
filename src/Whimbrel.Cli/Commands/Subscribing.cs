using System.Buffers;
using System.Text;
using System.Threading.Channels;
using Whimbrel.Cli.Connections;
using Whimbrel.Cli.Messages;
using Whimbrel.Client;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Commands;

/// <summary>
/// One run of <c>whimbrel sub</c>: one subscription of all filters, whose messages are printed in batches and acknowledged when they have
/// been written. Nothing is dropped: who reads slowly holds the broker back.
/// </summary>
internal sealed class Subscribing : IAsyncDisposable
{
    private const int BatchBytes = 64 * 1024;

    private readonly SubSettings _settings;
    private readonly ToolContext _context;
    private readonly StandardOutput _output;
    private readonly CommandClient _client;
    private readonly List<MqttMessage> _batch = [];

    // Topics whose retained message is to be removed; an unbounded queue of what the broker itself holds.
    private readonly Channel<string> _toRemove = Channel.CreateUnbounded<string>();
    private long _count;

    public Subscribing(SubSettings settings, ToolContext context)
    {
        _settings = settings;
        _context = context;
        _output = context.Output();
        _client = new CommandClient(settings.Client, context, reconnects: true);
    }

    private enum Next
    {
        More,

        /// <summary>That was the last message, or one that is not wanted any more.</summary>
        End,
    }

    public async Task<ExitCode> RunAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_context.Interrupted);
        if (_settings.Timeout is { } timeout)
            ending.CancelAfter(timeout);
        Task removing = Task.CompletedTask;
        try
        {
            await _client.ConnectAsync(ending.Token).ConfigureAwait(false);
            removing = RemoveAsync(ending.Token);
            return await SubscribeAsync(ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_client.Gone.IsCompleted)
        {
            await _client.Gone.ConfigureAwait(false);
            throw;
        }
        catch (OperationCanceledException) when (!_context.Interrupted.IsCancellationRequested)
        {
            if (_settings.Count > 0)
                _client.Say($"{_count} of {_settings.Count} messages within {_settings.Timeout!.Value.TotalSeconds:0.###} seconds");
            return ExitCode.TimedOut;
        }
        catch (MqttException failure)
        {
            throw _client.FailureOf(failure);
        }
        finally
        {
            _toRemove.Writer.TryComplete();
            await removing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _client.LeaveAsync().ConfigureAwait(false);
        await _client.DisposeAsync().ConfigureAwait(false);
        _output.Dispose();
    }

    private async Task<ExitCode> SubscribeAsync(CancellationToken ending)
    {
        foreach (string filter in _settings.Unsubscribe)
            await _client.Client.UnsubscribeAsync(filter, _settings.Client.Properties[PropertyScope.Unsubscribe].UserProperties, ending).ConfigureAwait(false);
        if (_settings.Filters.Count == 0)
            return ExitCode.Ok;
        if (await OpenAsync(ending).ConfigureAwait(false) is not { } subscription)
            return ExitCode.Refused;
        if (!_settings.ExitAfterSubscribing)
            await PrintAsync(subscription, ending).ConfigureAwait(false);
        return ExitCode.Ok;
    }

    /// <returns>Null if the server refused every filter.</returns>
    private async Task<MqttSubscription?> OpenAsync(CancellationToken ending)
    {
        MqttSubscription? subscription = null;
        foreach (string filter in _settings.Filters.Distinct())
        {
            try
            {
                MqttQoS granted;
                if (subscription is null)
                {
                    subscription = await _client.Client.OpenSubscriptionAsync(filter, _settings.Options, ending).ConfigureAwait(false);
                    granted = subscription.GrantedQoS;
                }
                else
                {
                    granted = await subscription.AddFilterAsync(filter, ending).ConfigureAwait(false);
                }

                _client.Trace($"subscribed to '{filter}' with QoS {(int)granted}");
            }
            catch (MqttSubscribeException refused)
            {
                _client.Say(_client.FailureOf(refused).Message);
            }
        }

        return subscription;
    }

    private async Task PrintAsync(MqttSubscription subscription, CancellationToken ending)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ending, _client.Ended);
        await using var messages = subscription.GetAsyncEnumerator(either.Token);
        Next next = Next.More;
        while (next == Next.More && await messages.MoveNextAsync().ConfigureAwait(false))
        {
            MqttMessage? message = messages.Current;
            do
                next = Take(message);
            while (next == Next.More && _output.Buffer.WrittenCount < BatchBytes && subscription.TryRead(out message));

            // What nobody has read is not acknowledged; the broker keeps it.
            _output.Flush();
            if (_output.IsGone)
                return;
            foreach (MqttMessage written in _batch)
                await written.AcknowledgeAsync().ConfigureAwait(false);
            _batch.Clear();
        }
    }

    private Next Take(MqttMessage message)
    {
        if (_settings.RetainedOnly && !message.Retain)
            return Next.End;
        _batch.Add(message);
        byte[] topic = Encoding.UTF8.GetBytes(message.Topic);
        if ((_settings.IgnoreRetained && message.Retain) || IsFilteredOut(topic))
            return Next.More;

        var received = new ReceivedMessage
        {
            Topic = topic,
            Payload = message.Payload.Span,
            QoS = (QoS)message.QoS,
            Retain = message.Retain,
            PacketId = message.PacketId,
            PropertyBlock = message.PropertyBlock,
            ShowsIdentifiers = _settings.Options.Identifier is not null,
            At = DateTimeOffset.Now,
        };
        if (!_settings.Format.TryWrite(_output.Buffer, received))
            ClientRun.WriteLine(_context.Error, $"the payload is not JSON: topic {Escaped.Text(message.Topic)}");
        else if (_settings.EndOfLine)
            _output.Buffer.Write("\n"u8);
        if (_settings.RemoveRetained && message.Retain && !message.Payload.IsEmpty)
            _toRemove.Writer.TryWrite(message.Topic);
        return ++_count == _settings.Count ? Next.End : Next.More;
    }

    /// <summary>Publishes an empty retained message to every topic that was printed, which removes what was retained there.</summary>
    private async Task RemoveAsync(CancellationToken ending)
    {
        var qos = (MqttQoS)Math.Min((int)MqttQoS.AtLeastOnce, (int)_client.Client.Server!.MaximumQoS);
        await foreach (string topic in _toRemove.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            try
            {
                await _client.Client.PublishAsync(topic, default(ReadOnlyMemory<byte>), qos, retain: true, ending).ConfigureAwait(false);
            }
            catch (MqttPublishException refused)
            {
                _client.Say($"the retained message of '{Escaped.Text(topic)}' was not removed: {_client.FailureOf(refused).Message}");
            }
        }
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
