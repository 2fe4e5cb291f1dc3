using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>What CONNECT is to say.</summary>
internal sealed class ConnectRequest
{
    public ProtocolVersion Version { get; init; } = ProtocolVersion.Mqtt50;

    /// <summary>Where the server is, for people.</summary>
    public string Endpoint { get; init; } = "";

    public string ClientId { get; init; } = "";

    public bool CleanStart { get; init; }

    public ushort KeepAliveSeconds { get; init; }

    public uint SessionExpirySeconds { get; init; }

    public MqttCredentials? Credentials { get; init; }

    public MqttWill? Will { get; init; }

    public ushort ReceiveMaximum { get; init; } = 256;

    public int PacketBytesMax { get; init; } = 16 * 1024 * 1024;

    public ushort TopicAliasMaximum { get; init; }

    public ushort SendTopicAliasMaximum { get; init; }

    public int InFlightMax { get; init; } = 1024;

    public string? AuthenticationMethod { get; init; }

    public ReadOnlyMemory<byte>? AuthenticationData { get; init; }

    public bool RequestProblemInformation { get; init; } = true;

    public bool RequestResponseInformation { get; init; } = true;

    public byte[] UserProperties { get; init; } = [];
}
