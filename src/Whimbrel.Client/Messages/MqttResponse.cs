namespace Whimbrel.Client;

/// <summary>What a responder answers.</summary>
public sealed class MqttResponse
{
    public ReadOnlyMemory<byte> Payload { get; init; }

    public string? ContentType { get; init; }

    /// <summary>The payload is UTF-8 text.</summary>
    public bool PayloadIsText { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> UserProperties { get; init; } = [];

    /// <summary>Not null: the request failed; the requester gets it as <see cref="MqttResponseException"/>.</summary>
    public string? Error { get; init; }
}

/// <summary>How requests are answered.</summary>
public sealed class MqttRespondOptions
{
    /// <summary>Responders of one group share the requests.</summary>
    public string? SharedGroup { get; init; }

    public int MaxConcurrentCalls { get; init; } = 8;

    /// <summary>
    /// In MQTT 5.0, too, takes the requests of clients that have no properties: published to <c>TOPIC/$request/REQUESTER/CORRELATION</c>, answered
    /// to <c>whimbrel/responses/REQUESTER/CORRELATION</c>, or with <c>/error</c> below it and the reason as text. In 3.1.1 there are no others.
    /// </summary>
    public bool TakesTopicRequests { get; init; }

    /// <summary>Requests whose answers are remembered, so that a request that comes twice is not done twice.</summary>
    public int RememberedMax { get; init; } = 10_000;
}

/// <summary>A received message and what its payload says.</summary>
/// <param name="Message">The message.</param>
/// <param name="Value">Its payload.</param>
public readonly record struct MqttMessage<T>(MqttMessage Message, T? Value)
{
    public string Topic => Message.Topic;

    public MqttRoute Route => Message.Route;
}
