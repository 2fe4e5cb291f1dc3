namespace Whimbrel.Client.Hosting;

/// <summary>Handlers for values instead of bytes.</summary>
public static class TypedHandlers
{
    /// <summary>
    /// Subscribes and gives the value of every message to a function that takes services from the message's scope. A message that cannot be
    /// read is put aside without a retry.
    /// </summary>
    public static IMqttClientBuilder AddHandler<T>(
        this IMqttClientBuilder builder,
        string filter,
        IMqttPayloadSerializer<T> serializer,
        Func<MqttMessage<T>, IServiceProvider, CancellationToken, ValueTask> handler,
        MqttSubscribeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(serializer);
        ArgumentNullException.ThrowIfNull(handler);
        return builder.AddHandler(filter, (message, scope, stop) => handler(new MqttMessage<T>(message, message.Deserialize(serializer)), scope, stop), options);
    }

    /// <summary>The same for JSON.</summary>
    public static IMqttClientBuilder AddHandler<T>(
        this IMqttClientBuilder builder,
        string filter,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type,
        Func<MqttMessage<T>, IServiceProvider, CancellationToken, ValueTask> handler,
        MqttSubscribeOptions? options = null) =>
        builder.AddHandler(filter, new MqttJsonSerializer<T>(type), handler, options);
}
