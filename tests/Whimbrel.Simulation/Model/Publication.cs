using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// A message as its publisher made it. Payloads begin with a name that no other message has, up to a blank; what has no payload, because
/// it clears a retained message, is named after its topic.
/// </summary>
internal sealed record Publication(string Name, string Topic, QoS QoS, bool Retain, string Publisher, bool IsEmpty)
{
    /// <summary>When it expires; a will counts from its publication.</summary>
    public long ExpiresAt { get; init; } = Message.Never;

    public bool IsWill { get; init; }

    public static Publication Of(string topic, string payload, QoS qos, bool retain, string publisher) =>
        new(NameOf(topic, payload), topic, qos, retain, publisher, payload.Length == 0);

    public static string NameOf(string topic, string payload)
    {
        int blank = payload.IndexOf(' ', StringComparison.Ordinal);
        return payload.Length == 0 ? $"({topic} cleared)" : blank < 0 ? payload : payload[..blank];
    }

    public override string ToString() => $"{Name} q{(int)QoS}{(Retain ? " retain" : "")} to {Topic}";
}
