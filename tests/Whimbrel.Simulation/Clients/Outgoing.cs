using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>A message of QoS 1 or 2 that a client has to publish: part of its session, so that it survives connections.</summary>
internal sealed class Outgoing(ushort packetId, Publication publication, string payload, uint? expirySeconds)
{
    public ushort PacketId => packetId;

    public Publication Publication => publication;

    public string Payload => payload;

    public uint? ExpirySeconds => expirySeconds;

    /// <summary>Whether it was sent on any connection: then it is sent again with DUP.</summary>
    public bool WasSent { get; set; }

    /// <summary>Whether it was sent on this one.</summary>
    public bool IsSent { get; set; }

    /// <summary>PUBREC came: PUBREL is owed.</summary>
    public bool IsReceived { get; set; }

    public QoS QoS => publication.QoS;
}
