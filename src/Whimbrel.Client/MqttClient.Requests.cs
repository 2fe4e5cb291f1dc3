using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Whimbrel.Client.Subscriptions;

namespace Whimbrel.Client;

/// <summary>Requests and responses over publish and subscribe (MQTT 5.0, section 4.10; <see cref="TopicRequest"/> in 3.1.1).</summary>
public sealed partial class MqttClient
{
    private const int CorrelationBytes = 16;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<UInt128, TaskCompletionSource<MqttMessage>> _requests = new();
    private readonly SemaphoreSlim _openingResponses = new(1, 1);
    private string? _responseTopic;

    public async Task<MqttMessage> RequestAsync(MqttPublishRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        string responseTopic = await ResponseTopicAsync(cancellationToken).ConfigureAwait(false);
        TimeSpan time = timeout ?? RequestTimeout;
        byte[] correlation = RandomNumberGenerator.GetBytes(CorrelationBytes);
        UInt128 key = BinaryPrimitives.ReadUInt128BigEndian(correlation);
        var answer = new TaskCompletionSource<MqttMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _requests[key] = answer;
        try
        {
            using var limit = new CancellationTokenSource(time, Time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            try
            {
                MqttPublishResult result = await PublishAsync(
                    new MqttPublishRequest
                    {
                        Topic = HasProperties ? request.Topic : new TopicRequest(request.Topic, TopicRequest.LevelOf(ClientId), TopicRequest.CorrelationOf(key)).RequestTopic,
                        Payload = request.Payload,
                        QoS = request.QoS == MqttQoS.AtMostOnce ? MqttQoS.AtLeastOnce : request.QoS,
                        Expiry = request.Expiry ?? (time == Timeout.InfiniteTimeSpan ? null : time),
                        ContentType = request.ContentType,
                        PayloadIsText = request.PayloadIsText,
                        UserProperties = request.UserProperties,
                        ResponseTopic = responseTopic,
                        CorrelationData = correlation,
                    },
                    both.Token).ConfigureAwait(false);
                if (!result.MatchedSubscribers)
                    throw new MqttNoRespondersException($"Nobody answers requests to '{request.Topic}'.");
                MqttMessage message = await answer.Task.WaitAsync(both.Token).ConfigureAwait(false);
                return FailureOf(message) is { } failure ? throw new MqttResponseException(failure) : message;
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"The request to '{request.Topic}' was not answered within {time.TotalSeconds:0.###} seconds.");
            }
        }
        finally
        {
            _requests.TryRemove(key, out _);
        }
    }

    public async Task<MqttSubscription> RespondAsync(
        string filter,
        Func<MqttMessage, CancellationToken, ValueTask<MqttResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= new MqttRespondOptions();
        var responder = new Responder(this, handler, options.RememberedMax);
        MqttSubscription requests = await OpenSubscriptionAsync(
            filter,
            responder.HandleAsync,
            new MqttSubscribeOptions
            {
                QoS = MqttQoS.AtLeastOnce,
                SharedGroup = options.SharedGroup,
                MaxConcurrentCalls = options.MaxConcurrentCalls,
                Ordering = MqttOrdering.None,
                RetainHandling = Protocol.RetainHandling.DoNotSend,
            },
            cancellationToken).ConfigureAwait(false);
        if ((HasProperties && !options.TakesTopicRequests) || TopicRequest.FilterFor(requests.Filter) is not { } topicRequests)
            return requests;
        try
        {
            await requests.AddFilterAsync(topicRequests, cancellationToken).ConfigureAwait(false);
            return requests;
        }
        catch
        {
            await requests.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Whether messages have properties: the connection is, or the last one was, by MQTT 5.0.</summary>
    private bool HasProperties => Server is { ProtocolVersion: MqttProtocolVersion.Mqtt50 };

    /// <summary>Where the answers to all requests go: one subscription, to that topic and, for 3.1.1, to what is below it.</summary>
    private async ValueTask<string> ResponseTopicAsync(CancellationToken cancellationToken)
    {
        if (_responseTopic is { } open)
            return open;
        await _openingResponses.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_responseTopic is { } opened)
                return opened;
            string prefix = Server?.ResponseInformation is { Length: > 0 } given ? given.TrimEnd('/') : TopicRequest.Responses;
            string topic = $"{prefix}/{TopicRequest.LevelOf(ClientId)}";
            var options = new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, QueueMessages = 4096, IsLiteral = true };
            await OpenAsync(new MqttSubscription(this, $"{topic}/#", options, Answered) { IsOwn = true }, cancellationToken).ConfigureAwait(false);
            return _responseTopic = topic;
        }
        finally
        {
            _openingResponses.Release();
        }
    }

    private ValueTask Answered(MqttMessage message, CancellationToken stopping)
    {
        if (TryKeyOf(message, out UInt128 key) && _requests.TryGetValue(key, out TaskCompletionSource<MqttMessage>? waiting))
            waiting.TrySetResult(message);
        return ValueTask.CompletedTask;
    }

    private static bool TryKeyOf(MqttMessage answer, out UInt128 key)
    {
        ReadOnlySpan<byte> correlation = answer.CorrelationData.Span;
        return correlation.IsEmpty
            ? TopicRequest.TryParseAnswer(answer.Topic, out key)
            : BinaryPrimitives.TryReadUInt128BigEndian(correlation, out key) && correlation.Length == CorrelationBytes;
    }

    /// <summary>Why the responder failed; null: it did not.</summary>
    private static string? FailureOf(MqttMessage answer) =>
        answer.CorrelationData.IsEmpty && TopicRequest.IsError(answer.Topic) ? answer.GetString() : answer.GetUserProperty(Responder.ErrorProperty);
}
