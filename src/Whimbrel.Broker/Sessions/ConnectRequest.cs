using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>What a client said in CONNECT, as its own memory.</summary>
public sealed class ConnectRequest
{
    private static readonly byte[] FsyncProperty = UserProperties.Encode(new KeyValuePair<string, string>("ack-contract", "fsync"));
    private static readonly byte[] MemoryProperty = UserProperties.Encode(new KeyValuePair<string, string>("ack-contract", "memory"));

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
        TopicAliasMaximum = packet.TopicAliasMaximum ?? 0;
        WantsAckContract = AsksFor("ack-contract"u8, packet.UserPropertyBlock);
        AckContract = link.AckContract;
        WantsResponseInformation = packet.RequestResponseInformation ?? false;
        RequestedExpirySeconds = packet.Version == ProtocolVersion.Mqtt50
            ? packet.SessionExpirySeconds ?? 0
            : packet.CleanStart ? 0 : uint.MaxValue;
        ExpirySeconds = Math.Min(RequestedExpirySeconds, options.SessionExpirySecondsMax);
        // Before 5.0 a client cannot be told another interval, so it keeps its own.
        ushort max = options.KeepAliveSecondsMax;
        bool isTooLong = max != 0 && (KeepAliveSeconds == 0 || KeepAliveSeconds > max);
        GrantedKeepAliveSeconds = isTooLong && Version == ProtocolVersion.Mqtt50 ? max : KeepAliveSeconds;
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

    /// <summary>The user name that CONNECT gave: a claim until it has been checked.</summary>
    public string? UserName { get; }

    /// <summary>Who the client is as its authentication found; null for nobody in particular.</summary>
    internal string? AuthenticatedUserName { get; set; }

    /// <summary>The password's bytes, or null when there is none.</summary>
    public byte[]? Password { get; }

    public string? AuthenticationMethod { get; }

    public bool CleanStart { get; }

    public ushort KeepAliveSeconds { get; }

    /// <summary>The keep alive in force, bounded by the broker's own [MQTT-3.2.2-22].</summary>
    internal ushort GrantedKeepAliveSeconds { get; }

    internal bool IsBridge { get; }

    internal ushort ReceiveMaximum { get; }

    internal ushort TopicAliasMaximum { get; }

    internal bool WantsResponseInformation { get; }

    private bool WantsAckContract { get; }

    private AckContract AckContract { get; }

    internal uint RequestedExpirySeconds { get; }

    /// <summary>The session expiry in force, bounded by the broker's own.</summary>
    internal uint ExpirySeconds { get; }

    internal Will? Will { get; }

    /// <summary>Whether the broker made the client identifier.</summary>
    internal bool IsAssigned { get; init; }

    /// <summary>The CONNACK that accepts the request. Properties are left out where they would say what holds without them.</summary>
    /// <param name="hasStore">Whether anything is stored at all.</param>
    internal ConnAckPacket Accepted(bool sessionPresent, ReadOnlyMemory<byte> authenticationData, BrokerOptions options, bool hasStore)
    {
        var packet = new ConnAckPacket { SessionPresent = sessionPresent, Reason = ReasonCode.Success };
        if (Version != ProtocolVersion.Mqtt50)
            return packet;
        packet.SessionExpirySeconds = ExpirySeconds == RequestedExpirySeconds ? null : ExpirySeconds;
        packet.ReceiveMaximum = options.ReceiveMaximum == ushort.MaxValue ? null : options.ReceiveMaximum;
        packet.MaximumQoS = options.MaximumQoS == QoS.ExactlyOnce ? null : options.MaximumQoS;
        packet.RetainAvailable = options.RetainAvailable ? null : false;
        packet.MaximumPacketSize = options.MaximumPacketSize;
        packet.AssignedClientId = IsAssigned ? Encoding.UTF8.GetBytes(ClientId) : default;
        packet.TopicAliasMaximum = options.TopicAliasMaximum == 0 ? null : options.TopicAliasMaximum;
        packet.WildcardSubscriptionAvailable = options.WildcardSubscriptionAvailable ? null : false;
        packet.SubscriptionIdentifiersAvailable = options.SubscriptionIdentifiersAvailable ? null : false;
        packet.SharedSubscriptionAvailable = options.SharedSubscriptionAvailable ? null : false;
        packet.ServerKeepAliveSeconds = GrantedKeepAliveSeconds == KeepAliveSeconds ? null : GrantedKeepAliveSeconds;
        if (WantsResponseInformation && options.ResponseInformation is { } information)
            packet.ResponseInformation = Encoding.UTF8.GetBytes(information);
        if (WantsAckContract)
            packet.UserPropertyBlock = hasStore && AckContract == AckContract.Fsync ? FsyncProperty : MemoryProperty;
        if (AuthenticationMethod is { } method)
        {
            packet.AuthenticationMethod = Encoding.UTF8.GetBytes(method);
            packet.AuthenticationData = authenticationData.Span;
        }

        return packet;
    }

    private static bool AsksFor(ReadOnlySpan<byte> name, ReadOnlySpan<byte> userProperties)
    {
        foreach (UserProperty property in new UserProperties(userProperties))
        {
            if (property.Name.SequenceEqual(name))
                return true;
        }

        return false;
    }

    private static byte[] Forwardable(ReadOnlySpan<byte> block)
    {
        byte[] properties = new byte[ForwardableProperties.Measure(block)];
        ForwardableProperties.Write(block, properties);
        return properties;
    }
}
