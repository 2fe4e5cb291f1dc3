using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>One who has opened a subscription on this side. Called under the client's gate: it must only take note.</summary>
internal interface ISubscriber
{
    /// <summary>Wants the packet itself, by the thread that reads and outside the gate, instead of <see cref="Offer"/>.</summary>
    bool IsRaw { get; }

    /// <summary>Whether it takes what belongs to no subscription, too.</summary>
    bool TakesUnclaimed => false;

    /// <summary>Takes a message. With a token above 0 it owes one <see cref="ClientEngine.Acknowledge"/>.</summary>
    /// <param name="packet">The packet; its spans are good during the call.</param>
    /// <param name="topic">The topic, aliases resolved.</param>
    /// <param name="token">0 for QoS 0.</param>
    void Offer(in PublishPacket packet, string topic, long token);

    /// <summary>Takes the packet; outside the gate.</summary>
    void Raw(in PublishPacket packet, string topic);
}
