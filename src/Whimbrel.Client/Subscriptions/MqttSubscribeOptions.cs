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

    public MqttAckMode AckMode { get; init; }

    /// <summary>How many calls of the handler may run at a time.</summary>
    public int MaxConcurrentCalls { get; init; } = 1;

    public MqttOrdering Ordering { get; init; }

    /// <summary>
    /// Messages that may wait for a reader or handler. Beyond it the oldest of QoS 0 is dropped; QoS 1 and 2 are held back by their
    /// acknowledgements, so of them no more than the connection's receive maximum can wait.
    /// </summary>
    public int QueueMessages { get; init; } = 256;

    /// <summary>Bytes of payload that may wait, with the same consequence.</summary>
    public int QueueBytes { get; init; } = 1024 * 1024;

    /// <summary>How often a message whose handler throws is given to it again.</summary>
    public int HandlerRetries { get; init; }

    /// <summary>The wait before each of them.</summary>
    public TimeSpan HandlerRetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where a message goes that its handler has refused for good.</summary>
    public string? DeadLetterTopic { get; init; }
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
