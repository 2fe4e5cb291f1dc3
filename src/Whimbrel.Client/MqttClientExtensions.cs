using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Whimbrel.Client;

/// <summary>What can be made of <see cref="IMqttClient"/>'s members.</summary>
public static class MqttClientExtensions
{
    /// <summary>Publishes text as UTF-8.</summary>
    public static ValueTask<MqttPublishResult> PublishAsync(
        this IMqttClient client, string topic, string payload, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.PublishAsync(topic, Encoding.UTF8.GetBytes(payload), qos, retain, cancellationToken);
    }

    /// <summary>Publishes a value as JSON.</summary>
    public static ValueTask<MqttPublishResult> PublishAsync<T>(
        this IMqttClient client, string topic, T value, JsonTypeInfo<T> type, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.PublishAsync(topic, JsonSerializer.SerializeToUtf8Bytes(value, type), qos, retain, cancellationToken);
    }

    /// <summary>Subscribes to messages that are JSON. One that is not ends the enumeration with a <see cref="JsonException"/>.</summary>
    public static async IAsyncEnumerable<MqttMessage<T>> SubscribeAsync<T>(
        this IMqttClient client,
        string filter,
        JsonTypeInfo<T> type,
        MqttSubscribeOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        await foreach (MqttMessage message in client.SubscribeAsync(filter, options, cancellationToken).ConfigureAwait(false))
            yield return new MqttMessage<T>(message, message.Deserialize(type));
    }

    /// <summary>Subscribes with a handler for messages that are JSON. One that is not counts as refused by the handler.</summary>
    public static Task<MqttSubscription> OpenSubscriptionAsync<T>(
        this IMqttClient client,
        string filter,
        JsonTypeInfo<T> type,
        Func<MqttMessage<T>, CancellationToken, ValueTask> handler,
        MqttSubscribeOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(handler);
        return client.OpenSubscriptionAsync(
            filter, (message, stop) => handler(new MqttMessage<T>(message, message.Deserialize(type)), stop), options, cancellationToken);
    }

    /// <summary>A request and its answer in JSON.</summary>
    public static async Task<TResponse?> RequestAsync<TRequest, TResponse>(
        this IMqttClient client,
        string topic,
        TRequest request,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        MqttMessage answer = await client.RequestAsync(
            new MqttPublishRequest { Topic = topic, Payload = JsonSerializer.SerializeToUtf8Bytes(request, requestType), ContentType = "application/json" },
            timeout,
            cancellationToken).ConfigureAwait(false);
        return answer.Deserialize(responseType);
    }

    /// <summary>Answers requests in JSON.</summary>
    public static Task<MqttSubscription> RespondAsync<TRequest, TResponse>(
        this IMqttClient client,
        string filter,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType,
        Func<TRequest?, CancellationToken, ValueTask<TResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(handler);
        return client.RespondAsync(
            filter,
            async (message, stop) => new MqttResponse
            {
                Payload = JsonSerializer.SerializeToUtf8Bytes(await handler(message.Deserialize(requestType), stop).ConfigureAwait(false), responseType),
                ContentType = "application/json",
            },
            options,
            cancellationToken);
    }

    /// <summary>Enqueues with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync(
        this IMqttClient client, string topic, ReadOnlyMemory<byte> payload, bool retain = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.EnqueueAsync(new MqttPublishRequest { Topic = topic, Payload = payload, QoS = MqttQoS.AtLeastOnce, Retain = retain }, cancellationToken);
    }

    /// <summary>Enqueues text as UTF-8, with QoS 1.</summary>
    public static ValueTask<MqttDeliveryHandle> EnqueueAsync(
        this IMqttClient client, string topic, string payload, bool retain = false, CancellationToken cancellationToken = default) =>
        client.EnqueueAsync(topic, Encoding.UTF8.GetBytes(payload), retain, cancellationToken);
}
