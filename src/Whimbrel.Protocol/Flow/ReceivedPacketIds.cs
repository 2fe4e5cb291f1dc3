namespace Whimbrel.Protocol.Flow;

/// <summary>
/// The receiving side of QoS 2 for one session: identifiers for which PUBREC was sent and PUBREL has not come. A PUBLISH with one
/// of them is a repetition and is not delivered again [MQTT-4.3.3-10]. At most 65,535 entries; none owns no memory.
/// </summary>
/// <remarks>Not thread-safe. It survives connections [MQTT-4.1.0-1].</remarks>
public sealed class ReceivedPacketIds
{
    private HashSet<ushort>? _ids;

    public int Count => _ids?.Count ?? 0;

    public bool Contains(ushort packetId) => _ids is not null && _ids.Contains(packetId);

    public void Add(ushort packetId) => (_ids ??= []).Add(packetId);

    /// <summary>PUBREL: the identifier may be used for a new message from now on. False when it was not known.</summary>
    public bool Release(ushort packetId) => _ids is not null && _ids.Remove(packetId);

    /// <summary>Every identifier held, in no order.</summary>
    public IEnumerable<ushort> All => _ids ?? Enumerable.Empty<ushort>();

    public void Clear() => _ids = null;
}
