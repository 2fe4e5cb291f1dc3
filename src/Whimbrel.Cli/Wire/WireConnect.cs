using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

/// <summary>What CONNECT says.</summary>
internal sealed record WireConnect
{
    public ProtocolVersion Version { get; init; } = ProtocolVersion.Mqtt50;

    /// <summary>Whether 3.1.1 may be tried when the server does not speak <see cref="Version"/>.</summary>
    public bool MayFallBack { get; init; }

    public string ClientId { get; init; } = "";

    public bool CleanStart { get; init; } = true;

    public ushort KeepAliveSeconds { get; init; } = 60;

    public string? UserName { get; init; }

    public byte[]? Password { get; init; }

    public WireMessage? Will { get; init; }

    /// <summary>Null leaves the property out.</summary>
    public uint? SessionExpirySeconds { get; init; }

    public PropertySets Properties { get; init; } = new();
}

/// <summary>A message to send, as PUBLISH or as the will.</summary>
internal sealed record WireMessage(string Topic, ReadOnlyMemory<byte> Payload, QoS QoS, bool Retain);

/// <summary>What CONNACK said, with the defaults of the specification where it said nothing.</summary>
internal sealed record WireConnected(
    ProtocolVersion Version,
    string ClientId,
    bool SessionPresent,
    ushort KeepAliveSeconds,
    ushort ReceiveMaximum,
    QoS MaximumQoS,
    bool RetainAvailable,
    uint MaximumPacketSize);
