using Whimbrel.Protocol;

namespace Whimbrel.Storage;

/// <summary>A queued or retained message, for people.</summary>
/// <param name="Id">The queued message's identifier, 0 for a retained one.</param>
/// <param name="Size">Bytes of topic, properties and payload.</param>
/// <param name="ExpiresAt">Unix milliseconds, null for never.</param>
/// <param name="Publisher">The client that published it, null for the broker itself.</param>
/// <param name="Receivers">Who is still owed it; empty for a retained one.</param>
internal sealed record InspectedMessage(
    long Id, string Topic, QoS QoS, int Size, long? ExpiresAt, string? Publisher, IReadOnlyList<InspectedCopy> Receivers);

/// <summary>One session that is owed a message.</summary>
/// <param name="PacketId">What it was sent with, 0 for not yet.</param>
internal readonly record struct InspectedCopy(string ClientId, long Sequence, QoS QoS, ushort PacketId);
