using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Told what the store holds, in this order: the numbers, then session by session in the order of their numbers (<see cref="Session"/>, then what belongs to it),
/// then the messages by their identifiers, then the retained messages.
/// </summary>
internal interface IRecoveryVisitor
{
    /// <summary>Identifiers and numbers up to these may have been given.</summary>
    void Numbers(long lastMessageId, long lastSessionNumber);

    void Session(SessionState session);

    void Subscription(SubscriptionState subscription);

    void Will(WillState will);

    void Acknowledged(long session, long floor, IReadOnlyList<AcknowledgedRuns.Run> runs);

    void Received(long session, ushort packetId);

    void Sent(long session, long sequence, ushort packetId);

    /// <summary>A message with every copy that was ever stored of it; those that are done with are found by <see cref="Acknowledged"/>.</summary>
    void Message(long id, Message message, IReadOnlyList<RecoveredCopy> copies);

    void Retained(Message message);
}

/// <summary>One session's copy of a message as it was stored.</summary>
/// <param name="IsAdded">Whether it has a record of its own, beside the message's.</param>
internal readonly record struct RecoveredCopy(long Session, long Sequence, QoS QoS, bool Retain, uint[]? SubscriptionIds, string? Group, bool IsAdded);
