using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace Whimbrel.Client;

/// <summary>Values instead of bytes: by a serializer of the program's, or in JSON.</summary>
public static partial class MqttClientExtensions
{
    /// <summary>Publishes a value.</summary>
    public static ValueTask<MqttPublishResult> PublishAsync<T>(
        this IMqttClient client, string topic, T value, IMqttPayloadSerializer<T> serializer, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.PublishAsync(Message(topic, value, serializer, qos, retain), cancellationToken);
    }

    /// <summary>Publishes a value as JSON.</summary>
    public static ValueTask<MqttPublishResult> PublishAsync<T>(
        this IMqttClient client, string topic, T value, JsonTypeInfo<T> type, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default) =>
        client.PublishAsync(topic, value, new MqttJsonSerializer<T>(type), qos, retain, cancellationToken);

    /// <summary>Enqueues a value with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync<T>(
        this IMqttClient client, string topic, T value, IMqttPayloadSerializer<T> serializer, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.EnqueueAsync(Message(topic, value, serializer, MqttQoS.AtLeastOnce, retain), cancellationToken);
    }

    /// <summary>Enqueues a value as JSON with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync<T>(
        this IMqttClient client, string topic, T value, JsonTypeInfo<T> type, bool retain = false, CancellationToken cancellationToken = default) =>
        client.EnqueueAsync(topic, value, new MqttJsonSerializer<T>(type), retain, cancellationToken);

    /// <summary>
    /// Subscribes to values. A message that cannot be read is quarantined and the enumeration goes on: it is refused with 0x99, logged,
    /// counted, and published to <see cref="MqttSubscribeOptions.DeadLetterTopic"/> if there is one.
    /// </summary>
    public static async IAsyncEnumerable<MqttMessage<T>> SubscribeAsync<T>(
        this IMqttClient client,
        string filter,
        IMqttPayloadSerializer<T> serializer,
        MqttSubscribeOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(serializer);
        await foreach (MqttMessage message in client.SubscribeAsync(filter, options, cancellationToken).ConfigureAwait(false))
        {
            T? value;
            try
            {
                value = message.Deserialize(serializer);
            }
            catch (MqttPayloadException exception)
            {
                if (message.Subscription is { } subscription)
                    await subscription.QuarantineAsync(message, exception).ConfigureAwait(false);
                continue;
            }

            yield return new MqttMessage<T>(message, value);
        }
    }

    /// <summary>The same for JSON.</summary>
    public static IAsyncEnumerable<MqttMessage<T>> SubscribeAsync<T>(
        this IMqttClient client, string filter, JsonTypeInfo<T> type, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default) =>
        client.SubscribeAsync(filter, new MqttJsonSerializer<T>(type), options, cancellationToken);

    /// <summary>Subscribes with a handler for values. A message that cannot be read is quarantined without a retry.</summary>
    public static Task<MqttSubscription> OpenSubscriptionAsync<T>(
        this IMqttClient client,
        string filter,
        IMqttPayloadSerializer<T> serializer,
        Func<MqttMessage<T>, CancellationToken, ValueTask> handler,
        MqttSubscribeOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(serializer);
        ArgumentNullException.ThrowIfNull(handler);
        return client.OpenSubscriptionAsync(
            filter, (message, stop) => handler(new MqttMessage<T>(message, message.Deserialize(serializer)), stop), options, cancellationToken);
    }

    /// <summary>The same for JSON.</summary>
    public static Task<MqttSubscription> OpenSubscriptionAsync<T>(
        this IMqttClient client,
        string filter,
        JsonTypeInfo<T> type,
        Func<MqttMessage<T>, CancellationToken, ValueTask> handler,
        MqttSubscribeOptions? options = null,
        CancellationToken cancellationToken = default) =>
        client.OpenSubscriptionAsync(filter, new MqttJsonSerializer<T>(type), handler, options, cancellationToken);

    /// <summary>A request and its answer as values.</summary>
    /// <exception cref="MqttPayloadException">The answer cannot be read.</exception>
    public static async Task<TResponse?> RequestAsync<TRequest, TResponse>(
        this IMqttClient client,
        string topic,
        TRequest request,
        IMqttPayloadSerializer<TRequest> requestSerializer,
        IMqttPayloadSerializer<TResponse> responseSerializer,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(responseSerializer);
        MqttMessage answer = await client.RequestAsync(Message(topic, request, requestSerializer, MqttQoS.AtLeastOnce, retain: false), timeout, cancellationToken)
            .ConfigureAwait(false);
        return answer.Deserialize(responseSerializer);
    }

    /// <summary>A request and its answer in JSON.</summary>
    public static Task<TResponse?> RequestAsync<TRequest, TResponse>(
        this IMqttClient client,
        string topic,
        TRequest request,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default) =>
        client.RequestAsync(topic, request, new MqttJsonSerializer<TRequest>(requestType), new MqttJsonSerializer<TResponse>(responseType), timeout, cancellationToken);

    /// <summary>Answers requests by values. A request that cannot be read is answered with that error.</summary>
    public static Task<MqttSubscription> RespondAsync<TRequest, TResponse>(
        this IMqttClient client,
        string filter,
        IMqttPayloadSerializer<TRequest> requestSerializer,
        IMqttPayloadSerializer<TResponse> responseSerializer,
        Func<TRequest?, CancellationToken, ValueTask<TResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(requestSerializer);
        ArgumentNullException.ThrowIfNull(responseSerializer);
        ArgumentNullException.ThrowIfNull(handler);
        return client.RespondAsync(
            filter,
            async (message, stop) => new MqttResponse
            {
                Payload = Bytes(await handler(message.Deserialize(requestSerializer), stop).ConfigureAwait(false), responseSerializer),
                ContentType = responseSerializer.ContentType,
                PayloadIsText = responseSerializer.IsText,
            },
            options,
            cancellationToken);
    }

    /// <summary>Answers requests in JSON.</summary>
    public static Task<MqttSubscription> RespondAsync<TRequest, TResponse>(
        this IMqttClient client,
        string filter,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType,
        Func<TRequest?, CancellationToken, ValueTask<TResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default) =>
        client.RespondAsync(filter, new MqttJsonSerializer<TRequest>(requestType), new MqttJsonSerializer<TResponse>(responseType), handler, options, cancellationToken);

    private static MqttPublishRequest Message<T>(string topic, T value, IMqttPayloadSerializer<T> serializer, MqttQoS qos, bool retain)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        return new MqttPublishRequest
        {
            Topic = topic,
            Payload = Bytes(value, serializer),
            QoS = qos,
            Retain = retain,
            ContentType = serializer.ContentType,
            PayloadIsText = serializer.IsText,
        };
    }

    private static ReadOnlyMemory<byte> Bytes<T>(T value, IMqttPayloadSerializer<T> serializer)
    {
        var payload = new ArrayBufferWriter<byte>();
        serializer.Write(value, payload);
        return payload.WrittenMemory;
    }
}
