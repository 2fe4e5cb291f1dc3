using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>How a delivery ended well.</summary>
/// <param name="ReasonCode">What the server said; Success for QoS 0, which nobody acknowledges.</param>
/// <param name="ReasonString">What the server added.</param>
public readonly record struct MqttPublishResult(ReasonCode ReasonCode, string? ReasonString = null)
{
    /// <summary>False if the server said that nobody has subscribed to this topic; servers need not say it.</summary>
    public bool MatchedSubscribers => ReasonCode != ReasonCode.NoMatchingSubscribers;
}

/// <summary>A message that the client has taken over and delivers on its own.</summary>
public sealed class MqttDeliveryHandle
{
    internal MqttDeliveryHandle(Task<MqttPublishResult> completion) => Completion = completion;

    /// <summary>Completes when the server has acknowledged, or fails when it never will. Nobody needs to look.</summary>
    public Task<MqttPublishResult> Completion { get; }
}
