using System.Collections.Concurrent;
using System.Security.Cryptography;
using Whimbrel.Client.Subscriptions;

namespace Whimbrel.Client;

/// <summary>Requests and responses over publish and subscribe (MQTT 5.0, section 4.10).</summary>
public sealed partial class MqttClient
{
    private const int CorrelationBytes = 16;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<UInt128, TaskCompletionSource<MqttMessage>> _requests = new();
    private readonly SemaphoreSlim _openingResponses = new(1, 1);
    private MqttSubscription? _responses;

    public async Task<MqttMessage> RequestAsync(MqttPublishRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        if (Server!.ProtocolVersion != MqttProtocolVersion.Mqtt50)
            throw new NotSupportedException("MQTT 3.1.1 has no response topics; requests need a server with MQTT 5.0.");
        MqttSubscription responses = await ResponsesAsync(cancellationToken).ConfigureAwait(false);
        TimeSpan time = timeout ?? RequestTimeout;
        byte[] correlation = RandomNumberGenerator.GetBytes(CorrelationBytes);
        UInt128 key = KeyOf(correlation);
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
                        Topic = request.Topic,
                        Payload = request.Payload,
                        QoS = request.QoS == MqttQoS.AtMostOnce ? MqttQoS.AtLeastOnce : request.QoS,
                        Expiry = request.Expiry ?? (time == Timeout.InfiniteTimeSpan ? null : time),
                        ContentType = request.ContentType,
                        PayloadIsText = request.PayloadIsText,
                        UserProperties = request.UserProperties,
                        ResponseTopic = responses.Filter,
                        CorrelationData = correlation,
                    },
                    both.Token).ConfigureAwait(false);
                if (!result.MatchedSubscribers)
                    throw new MqttNoRespondersException($"Nobody answers requests to '{request.Topic}'.");
                MqttMessage message = await answer.Task.WaitAsync(both.Token).ConfigureAwait(false);
                return message.GetUserProperty(Responder.ErrorProperty) is { } error ? throw new MqttResponseException(error) : message;
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

    public Task<MqttSubscription> RespondAsync(
        string filter,
        Func<MqttMessage, CancellationToken, ValueTask<MqttResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= new MqttRespondOptions();
        var responder = new Responder(this, handler, options.RememberedMax);
        return OpenSubscriptionAsync(
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
            cancellationToken);
    }

    /// <summary>One subscription for the answers to all requests.</summary>
    private async ValueTask<MqttSubscription> ResponsesAsync(CancellationToken cancellationToken)
    {
        if (_responses is { } open)
            return open;
        await _openingResponses.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            string prefix = Server?.ResponseInformation is { Length: > 0 } given ? given.TrimEnd('/') : "whimbrel/responses";
            return _responses ??= await OpenAsync(
                new MqttSubscription(this, $"{prefix}/{ClientId}", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, QueueMessages = 4096 }, Answered) { IsOwn = true },
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _openingResponses.Release();
        }
    }

    private ValueTask Answered(MqttMessage message, CancellationToken stopping)
    {
        ReadOnlySpan<byte> correlation = message.CorrelationData.Span;
        if (correlation.Length == CorrelationBytes && _requests.TryGetValue(KeyOf(correlation), out TaskCompletionSource<MqttMessage>? waiting))
            waiting.TrySetResult(message);
        return ValueTask.CompletedTask;
    }

    private static UInt128 KeyOf(ReadOnlySpan<byte> correlation) => System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(correlation);
}
