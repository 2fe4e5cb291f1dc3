using Whimbrel.Protocol;

namespace Whimbrel.Cli.Messages;

/// <summary>One message as it arrived.</summary>
internal readonly ref struct ReceivedMessage
{
    /// <summary>The topic, also if an alias stood for it.</summary>
    public ReadOnlySpan<byte> Topic { get; init; }

    public ReadOnlySpan<byte> Payload { get; init; }

    public QoS QoS { get; init; }

    public bool Retain { get; init; }

    /// <summary>0 for QoS 0.</summary>
    public ushort PacketId { get; init; }

    /// <summary>The properties as they stand on the wire.</summary>
    public ReadOnlySpan<byte> PropertyBlock { get; init; }

    /// <summary>Whether the subscription identifiers are the user's own, and not the client's.</summary>
    public bool ShowsIdentifiers { get; init; }

    /// <summary>When it arrived, in local time.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Name and value of the User Properties.</summary>
    public UserProperties UserProperties => new(PropertyBlock);

    /// <summary>The user's own, in their order.</summary>
    public IReadOnlyList<uint> SubscriptionIdentifiers
    {
        get
        {
            if (!ShowsIdentifiers)
                return [];
            var identifiers = new List<uint>();
            foreach (uint identifier in new SubscriptionIdList(PropertyBlock))
                identifiers.Add(identifier);
            return identifiers;
        }
    }

    /// <summary>A property that comes once at most.</summary>
    public bool TryFind(PropertyId id, out Property found) => PropertyReader.TryFind(PropertyBlock, PropertyScope.Publish, id, out found);
}
