using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>Something that changed about a session and is to be stored.</summary>
internal abstract record StoreChange;

/// <summary>A session is there, or its connection changed. <paramref name="DisconnectedAt"/> is <see cref="Message.Never"/> while it is connected.</summary>
internal sealed record SessionState(
    long Session, string ClientId, string? UserName, ProtocolVersion Version, uint ExpirySeconds, long DisconnectedAt) : StoreChange;

/// <summary>A session ended, with everything that was stored for it: named here, so that the store need not search.</summary>
internal sealed record SessionEnded(
    StoredSession Session, IReadOnlyList<string> Filters, IReadOnlyList<ushort> ReceivedPacketIds, IReadOnlyList<long> SentSequences, long WillNumber) : StoreChange;

/// <param name="IsOwedRetained">Whether retained messages are still to be sent for it.</param>
internal sealed record SubscriptionState(long Session, string Filter, SubscriptionOptions Options, uint Identifier, bool IsOwedRetained) : StoreChange;

internal sealed record SubscriptionEnded(long Session, string Filter) : StoreChange;

/// <summary>A connection of the session left a will. <paramref name="Number"/> tells the wills of one session apart.</summary>
internal sealed record WillState(long Session, long Number, Will Will) : StoreChange;

/// <summary>The will was published or discarded.</summary>
internal sealed record WillEnded(long Session, long Number) : StoreChange
{
    /// <summary>The session that the will departs from, when it is published.</summary>
    public StoredSession? DepartsFrom { get; init; }
}

/// <summary>A QoS 2 PUBLISH with this identifier was accepted: repetitions are known from now on.</summary>
internal sealed record PacketReceived(long Session, ushort PacketId) : StoreChange;

/// <summary>PUBREL released the identifier.</summary>
internal sealed record PacketReleased(long Session, ushort PacketId) : StoreChange;

/// <summary>A copy is done with, because another session takes its place.</summary>
internal sealed record CopyDone(StoredCopy Copy) : StoreChange;
