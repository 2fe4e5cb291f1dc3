namespace Whimbrel.Client;

/// <summary>
/// What a client can do. Call it, put it into tests; do not implement it in a product, because members are added. Everything that can be made
/// of these members is an extension method (<see cref="MqttClientExtensions"/>).
/// </summary>
public interface IMqttClient : IAsyncDisposable
{
    /// <summary>Notification only. In order, one at a time, never on the thread that reads.</summary>
    event EventHandler<MqttConnectionStateChangedEventArgs>? ConnectionStateChanged;

    /// <summary>
    /// A server that had forgotten the session does not grant a subscription again that it had granted. It gets nothing any more: its reader's
    /// loop and its <see cref="MqttSubscription.Completion"/> fail. Told in order with the changes of state.
    /// </summary>
    event EventHandler<MqttSubscriptionRefusedEventArgs>? SubscriptionRefused;

    MqttConnectionState State { get; }

    /// <summary>What was agreed on with the server last; null before the first connection.</summary>
    MqttServerCapabilities? Server { get; }

    /// <summary>
    /// Connects, or waits for the attempt that is under way. Not needed: the first use does it. Fails at the first failure unless
    /// <see cref="MqttReconnectOptions.RetryInitialConnect"/> is set.
    /// </summary>
    /// <exception cref="MqttConnectException">The server could not be reached or refused.</exception>
    Task<MqttConnectResult> ConnectAsync(CancellationToken cancellationToken = default);

    /// <summary>Waits until there is a connection. Fails when the client gives up.</summary>
    Task WaitForConnectedAsync(CancellationToken cancellationToken = default);

    /// <summary>Says farewell, so that the will is not published. Nothing connects again until <see cref="ConnectAsync"/>.</summary>
    Task DisconnectAsync(MqttDisconnectOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Publishes; completes when the message is delivered: QoS 0 when it was written to the connection, QoS 1 and 2 when the server has
    /// acknowledged. QoS 1 and 2 wait through a lost connection, QoS 0 fails without one. The payload must not change until then.
    /// </summary>
    /// <exception cref="MqttPublishException">The server refused it.</exception>
    /// <exception cref="MqttNotConnectedException">There is no connection for a message of QoS 0, or the client has given up.</exception>
    /// <exception cref="MqttPublishCanceledException">Cancelled; it says whether the message may arrive nevertheless.</exception>
    ValueTask<MqttPublishResult> PublishAsync(
        string topic, ReadOnlyMemory<byte> payload, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default);

    /// <summary>The same with everything that MQTT 5.0 can say.</summary>
    ValueTask<MqttPublishResult> PublishAsync(MqttPublishRequest request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes a message over: completes when it is in the outbox, on disk if the outbox is. The delivery goes on by itself. QoS 0 is raised
    /// to 1, because only an acknowledgement says that it has left.
    /// </summary>
    ValueTask<MqttDeliveryHandle> EnqueueAsync(MqttPublishRequest request, CancellationToken cancellationToken = default);

    /// <summary>Waits until everything that was published or enqueued before is acknowledged.</summary>
    Task FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Subscribes when the enumeration begins and ends with it. A message is acknowledged when the next one is asked for. Levels may have
    /// names: <c>home/{room}/temp</c>.
    /// </summary>
    IAsyncEnumerable<MqttMessage> SubscribeAsync(string filter, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Subscribes; active when it returns.</summary>
    /// <exception cref="MqttSubscribeException">The server refused.</exception>
    Task<MqttSubscription> OpenSubscriptionAsync(string filter, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Subscribes with a handler. A message is acknowledged when its handler has returned.</summary>
    /// <exception cref="MqttSubscribeException">The server refused.</exception>
    Task<MqttSubscription> OpenSubscriptionAsync(
        string filter, Func<MqttMessage, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends a subscription that an earlier process of this session made and nobody in this one has opened: what is open here ends by
    /// <see cref="MqttSubscription.DisposeAsync"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The filter is subscribed to here.</exception>
    Task UnsubscribeAsync(string filter, IReadOnlyList<KeyValuePair<string, string>>? userProperties = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Publishes a request and waits for its answer; the response topic and the correlation are the client's own. The request expires with
    /// the timeout, 10 seconds if none is given. In a 3.1.1 connection, who asks and the correlation stand in the topic
    /// (<see cref="MqttRespondOptions.TakesTopicRequests"/>), and nothing else but the payload arrives.
    /// </summary>
    /// <exception cref="MqttNoRespondersException">The server says that nobody has subscribed to the topic; in 3.1.1 it cannot.</exception>
    /// <exception cref="MqttResponseException">The responder says that it failed.</exception>
    /// <exception cref="TimeoutException">Nobody answered in time.</exception>
    Task<MqttMessage> RequestAsync(MqttPublishRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Answers requests. What the handler throws is the requester's <see cref="MqttResponseException"/>. In a 3.1.1 connection it hears the
    /// requests of 3.1.1 connections only.
    /// </summary>
    Task<MqttSubscription> RespondAsync(
        string filter,
        Func<MqttMessage, CancellationToken, ValueTask<MqttResponse>> handler,
        MqttRespondOptions? options = null,
        CancellationToken cancellationToken = default);

    /// <summary>Asks the server whether it is there; how long the answer took.</summary>
    Task<TimeSpan> PingAsync(CancellationToken cancellationToken = default);
}

/// <summary>How to say farewell.</summary>
public sealed class MqttDisconnectOptions
{
    /// <summary>The server is to publish the will all the same.</summary>
    public bool PublishWill { get; init; }

    /// <summary>How long the server keeps the session from now on; null: as was agreed.</summary>
    public TimeSpan? SessionExpiry { get; init; }

    /// <summary>Why, in words for the server's log.</summary>
    public string? ReasonString { get; init; }

    /// <summary>The user properties of DISCONNECT.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];
}
