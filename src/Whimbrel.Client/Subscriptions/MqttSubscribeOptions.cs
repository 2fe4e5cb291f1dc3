using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>How a subscription is made and how its messages are handled.</summary>
public sealed record MqttSubscribeOptions
{
    /// <summary>The highest QoS that the server uses towards us.</summary>
    public MqttQoS QoS { get; init; } = MqttQoS.AtMostOnce;

    /// <summary>Shares the subscription with others of the same group: each message goes to one of them.</summary>
    public string? SharedGroup { get; init; }

    /// <summary>What this client publishes itself does not come back.</summary>
    public bool NoLocal { get; init; }

    /// <summary>Messages keep the retain flag that they were published with.</summary>
    public bool RetainAsPublished { get; init; }

    public RetainHandling RetainHandling { get; init; }

    /// <summary>The user properties of SUBSCRIBE.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];

    /// <summary>
    /// The subscription identifier, 1 to 268,435,455, if the program wants to see one of its own in
    /// <see cref="MqttMessage.PropertyBlock"/>. Null: the client's choice, by which it finds the subscriber faster than by the topic.
    /// </summary>
    public uint? Identifier { get; init; }

    /// <summary>Braces in the filter are characters like any other, and no names.</summary>
    public bool IsLiteral { get; init; }

    /// <summary>
    /// Takes messages, too, that belong to no subscription of this process: what the server has kept of the session for one of an earlier
    /// process. Without it they are acknowledged and dropped, with a log line, when nobody has come for them.
    /// </summary>
    public bool TakesUnclaimed { get; init; }

    public MqttAckMode AckMode { get; init; }

    /// <summary>How many calls of the handler may run at a time.</summary>
    public int MaxConcurrentCalls { get; init; } = 1;

    public MqttOrdering Ordering { get; init; }

    /// <summary>
    /// Messages that may wait for a reader or handler. What happens to QoS 0 beyond it is <see cref="WhenFull"/>'s to say; QoS 1 and 2 are
    /// held back by their acknowledgements, so of them no more than the connection's receive maximum can wait.
    /// </summary>
    public int QueueMessages { get; init; } = 256;

    /// <summary>Bytes of payload that may wait, with the same consequence.</summary>
    public int QueueBytes { get; init; } = 1024 * 1024;

    public MqttQueueFull WhenFull { get; init; }

    /// <summary>How often a message whose handler throws is given to it again.</summary>
    public int HandlerRetries { get; init; }

    /// <summary>The wait before each of them.</summary>
    public TimeSpan HandlerRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// From when on a call of the handler is called stuck: in the log, with the topic, and in the metric <c>whimbrel.client.handler.stuck</c>.
    /// Nothing else happens to it. <see cref="Timeout.InfiniteTimeSpan"/>: it may last as long as it likes.
    /// </summary>
    public TimeSpan HandlerStuckAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where a message goes that its handler has refused for good.</summary>
    public string? DeadLetterTopic { get; init; }
}

/// <summary>What happens when a subscription's queue is full of QoS 0.</summary>
public enum MqttQueueFull
{
    /// <summary>The oldest message of QoS 0 gives way.</summary>
    DropOldest,

    /// <summary>
    /// Nothing is read from the connection until half of the queue is free, so that the server holds back, and does with what it cannot send
    /// as it sees fit. Every subscription of this client waits then. The bound may be passed by what one read has brought.
    /// </summary>
    Wait,
}

/// <summary>Who acknowledges.</summary>
public enum MqttAckMode
{
    /// <summary>The library, when the handler has returned or the next message is asked for.</summary>
    Automatic,

    /// <summary>The program, by <see cref="MqttMessage.AcknowledgeAsync"/>, in any order.</summary>
    Manual,
}

/// <summary>What concurrent handlers keep in order.</summary>
public enum MqttOrdering
{
    /// <summary>Messages of one topic are handled one after the other.</summary>
    PerTopic,

    /// <summary>Nothing.</summary>
    None,
}
