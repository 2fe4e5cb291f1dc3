using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a client said in CONNECT, as its own memory.</summary>
public sealed class ConnectRequest
{
    internal ConnectRequest(in ConnectPacket packet, string clientId, Link link, BrokerOptions options)
    {
        ClientId = clientId;
        Peer = link.Peer;
        Listener = link.Listener;
        Version = packet.Version;
        IsBridge = packet.IsBridge;
        CleanStart = packet.CleanStart;
        KeepAliveSeconds = packet.KeepAliveSeconds;
        UserName = packet.HasUserName ? Encoding.UTF8.GetString(packet.UserName) : null;
        Password = packet.HasPassword ? packet.Password.ToArray() : null;
        AuthenticationMethod = packet.HasAuthenticationMethod ? Encoding.UTF8.GetString(packet.AuthenticationMethod) : null;
        ReceiveMaximum = packet.ReceiveMaximum ?? ushort.MaxValue;
        PacketSizeMax = packet.MaximumPacketSize ?? uint.MaxValue;
        TopicAliasMaximum = packet.TopicAliasMaximum ?? 0;
        WantsResponseInformation = packet.RequestResponseInformation ?? false;
        WantsProblemInformation = packet.RequestProblemInformation ?? true;
        RequestedExpirySeconds = packet.Version == ProtocolVersion.Mqtt50
            ? packet.SessionExpirySeconds ?? 0
            : packet.CleanStart ? 0 : uint.MaxValue;
        ExpirySeconds = Math.Min(RequestedExpirySeconds, options.SessionExpirySecondsMax);
        if (packet.HasWill)
        {
            Will = new Will(
                packet.WillTopic.ToArray(),
                packet.WillPayload.ToArray(),
                Forwardable(packet.WillProperties),
                packet.WillQoS,
                packet.WillRetain,
                packet.WillDelaySeconds,
                packet.WillMessageExpirySeconds);
        }
    }

    /// <summary>The client's identifier, or the one that the broker assigned.</summary>
    public string ClientId { get; }

    public string Peer { get; }

    public string Listener { get; }

    public ProtocolVersion Version { get; }

    public string? UserName { get; }

    /// <summary>The password's bytes, or null when there is none.</summary>
    public byte[]? Password { get; }

    public string? AuthenticationMethod { get; }

    public bool CleanStart { get; }

    public ushort KeepAliveSeconds { get; }

    internal bool IsBridge { get; }

    internal ushort ReceiveMaximum { get; }

    internal uint PacketSizeMax { get; }

    internal ushort TopicAliasMaximum { get; }

    internal bool WantsResponseInformation { get; }

    internal bool WantsProblemInformation { get; }

    internal uint RequestedExpirySeconds { get; }

    /// <summary>The session expiry in force, bounded by the broker's own.</summary>
    internal uint ExpirySeconds { get; }

    internal Will? Will { get; }

    /// <summary>Whether the broker made the client identifier.</summary>
    internal bool IsAssigned { get; init; }

    private static byte[] Forwardable(ReadOnlySpan<byte> block)
    {
        byte[] properties = new byte[ForwardableProperties.Measure(block)];
        ForwardableProperties.Write(block, properties);
        return properties;
    }
}
