namespace Whimbrel.Protocol;

/// <summary>
/// CONNECT of all versions, for reading and writing. Spans are views over the frame. What depends on the server's
/// policy (an empty or long client identifier, the limits) is not judged here.
/// </summary>
public ref struct ConnectPacket : IPacket
{
    private const byte BridgeBit = 0x80;

    /// <summary>
    /// From the packet itself; known as soon as the level has been read, so that a refusal of what follows can be worded
    /// in it. 0 after a violation that came before: such a refusal is worded as in 3.1.1.
    /// </summary>
    public ProtocolVersion Version { get; set; }

    /// <summary>The level byte has its high bit set, as bridges of 3.1 and 3.1.1 do (0x83, 0x84).</summary>
    public bool IsBridge { get; set; }

    /// <summary>"Clean Session" in 3.x.</summary>
    public bool CleanStart { get; set; }

    /// <summary>0 turns the keep-alive off.</summary>
    public ushort KeepAliveSeconds { get; set; }

    public ReadOnlySpan<byte> ClientId { get; set; }

    public bool HasUserName { get; set; }

    public ReadOnlySpan<byte> UserName { get; set; }

    public bool HasPassword { get; set; }

    public ReadOnlySpan<byte> Password { get; set; }

    public bool HasWill { get; set; }

    public QoS WillQoS { get; set; }

    public bool WillRetain { get; set; }

    public ReadOnlySpan<byte> WillTopic { get; set; }

    public ReadOnlySpan<byte> WillPayload { get; set; }

    /// <summary>0, the default, publishes the Will without delay.</summary>
    public uint WillDelaySeconds { get; set; }

    /// <summary>Absent: the Will does not expire.</summary>
    public uint? WillMessageExpirySeconds { get; set; }

    /// <summary>
    /// The Will's raw property block as received, with delay and expiry. On write the forwardable properties are taken
    /// from it (see <see cref="ForwardableProperties"/>); delay and expiry come from their fields.
    /// </summary>
    public ReadOnlySpan<byte> WillProperties { get; set; }

    /// <summary>Absent means 0; 0xFFFFFFFF means that the session does not expire.</summary>
    public uint? SessionExpirySeconds { get; set; }

    /// <summary>Absent means 65,535; never 0.</summary>
    public ushort? ReceiveMaximum { get; set; }

    /// <summary>Bytes of a whole packet; absent means no limit; never 0.</summary>
    public uint? MaximumPacketSize { get; set; }

    /// <summary>Absent means 0.</summary>
    public ushort? TopicAliasMaximum { get; set; }

    /// <summary>Absent means false.</summary>
    public bool? RequestResponseInformation { get; set; }

    /// <summary>Absent means true.</summary>
    public bool? RequestProblemInformation { get; set; }

    public bool HasAuthenticationMethod { get; set; }

    public ReadOnlySpan<byte> AuthenticationMethod { get; set; }

    public bool HasAuthenticationData { get; set; }

    public ReadOnlySpan<byte> AuthenticationData { get; set; }

    /// <summary>The raw property block on read; on write the User Properties in it are written.</summary>
    public ReadOnlySpan<byte> UserPropertyBlock { get; set; }

    /// <summary>After a violation the packet holds what had been read before.</summary>
    public static bool TryParse(in Frame frame, out ConnectPacket packet, out Violation violation)
    {
        ConnectPacket read = default;
        bool isWhole = read.TryRead(frame, out violation);
        packet = read;
        return isWhole;
    }

    /// <summary>Bytes of the whole packet. The argument decides and not <see cref="Version"/>, as with every packet.</summary>
    public readonly int Measure(ProtocolVersion version) => FixedHeader.Measure(MeasureBody(version));

    /// <summary>Writes the packet; returns the bytes written.</summary>
    public readonly int Write(Span<byte> destination, ProtocolVersion version)
    {
        var writer = new PacketWriter(destination);
        FixedHeader.Write(ref writer, PacketType.Connect, 0, MeasureBody(version));
        writer.WriteUtf8(version == ProtocolVersion.Mqtt31 ? "MQIsdp"u8 : "MQTT"u8);
        writer.WriteByte((byte)((byte)version | (IsBridge ? BridgeBit : 0)));
        writer.WriteByte(ConnectFlags.Of(this).Bits);
        writer.WriteUInt16(KeepAliveSeconds);
        if (version == ProtocolVersion.Mqtt50)
        {
            WritePropertyBlock(ref writer, isWill: false);
        }

        writer.WriteUtf8(ClientId);
        if (HasWill)
        {
            if (version == ProtocolVersion.Mqtt50)
            {
                WritePropertyBlock(ref writer, isWill: true);
            }

            writer.WriteUtf8(WillTopic);
            writer.WriteBinary(WillPayload);
        }

        if (HasUserName)
        {
            writer.WriteUtf8(UserName);
        }

        if (HasPassword)
        {
            writer.WriteBinary(Password);
        }

        return writer.Written;
    }

    private bool TryRead(in Frame frame, out Violation violation)
    {
        if (!FixedHeader.IsOf(frame, PacketType.Connect, out violation))
        {
            return false;
        }

        var reader = new PacketReader(frame.Body);
        if (!TryReadProtocol(ref reader, out violation))
        {
            return false;
        }

        if (!reader.TryReadByte(out byte bits) || !reader.TryReadUInt16(out ushort keepAliveSeconds))
        {
            violation = Violation.Malformed("CONNECT is cut off");
            return false;
        }

        var flags = new ConnectFlags(bits);
        violation = flags.Check(Version);
        if (!violation.IsNone)
        {
            return false;
        }

        CleanStart = flags.CleanStart;
        KeepAliveSeconds = keepAliveSeconds;
        if (Version == ProtocolVersion.Mqtt50 && !TryReadProperties(ref reader, out violation))
        {
            return false;
        }

        if (!reader.TryReadUtf8(out ReadOnlySpan<byte> clientId)) // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
        {
            violation = Violation.Malformed("Client Identifier is missing or not acceptable UTF-8");
            return false;
        }

        ClientId = clientId;
        if (flags.HasWill && !TryReadWill(ref reader, flags, out violation))
        {
            return false;
        }

        return TryReadCredentials(ref reader, flags, out violation);
    }

    private bool TryReadProtocol(scoped ref PacketReader reader, out Violation violation)
    {
        violation = default;
        if (!reader.TryReadUtf8(out ReadOnlySpan<byte> name))
        {
            violation = Violation.Malformed("Protocol Name is cut off or not acceptable UTF-8");
            return false;
        }

        bool isNamed31 = name.SequenceEqual("MQIsdp"u8);
        if (!isNamed31 && !name.SequenceEqual("MQTT"u8)) // [MQTT-3.1.2-1]
        {
            violation = new Violation(ReasonCode.UnsupportedProtocolVersion, "Protocol Name is not that of MQTT");
            return false;
        }

        if (!reader.TryReadByte(out byte level))
        {
            violation = Violation.Malformed("CONNECT is cut off");
            return false;
        }

        byte version = (byte)(level & ~BridgeBit);
        bool isBridge = level != version;
        bool isKnown = isNamed31 ? version == 3 : version == 4 || (version == 5 && !isBridge);
        if (!isKnown) // [MQTT-3.1.2-2]
        {
            violation = new Violation(ReasonCode.UnsupportedProtocolVersion, "Protocol Version is not supported");
            return false;
        }

        Version = (ProtocolVersion)version;
        IsBridge = isBridge;
        return true;
    }

    private bool TryReadProperties(scoped ref PacketReader reader, out Violation violation)
    {
        if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block, out violation))
        {
            return false;
        }

        UserPropertyBlock = block;
        var properties = new PropertyReader(block, PropertyScope.Connect);
        while (properties.TryNext(out Property property))
        {
            switch (property.Id)
            {
                case PropertyId.SessionExpiryInterval:
                    SessionExpirySeconds = property.Number;
                    break;
                case PropertyId.ReceiveMaximum:
                    ReceiveMaximum = (ushort)property.Number;
                    break;
                case PropertyId.MaximumPacketSize:
                    MaximumPacketSize = property.Number;
                    break;
                case PropertyId.TopicAliasMaximum:
                    TopicAliasMaximum = (ushort)property.Number;
                    break;
                case PropertyId.RequestResponseInformation:
                    RequestResponseInformation = property.Number != 0;
                    break;
                case PropertyId.RequestProblemInformation:
                    RequestProblemInformation = property.Number != 0;
                    break;
                case PropertyId.AuthenticationMethod:
                    HasAuthenticationMethod = true;
                    AuthenticationMethod = property.Text;
                    break;
                case PropertyId.AuthenticationData:
                    HasAuthenticationData = true;
                    AuthenticationData = property.Text;
                    break;
            }
        }

        violation = properties.Violation;
        if (violation.IsNone && HasAuthenticationData && !HasAuthenticationMethod)
        {
            violation = Violation.Protocol("Authentication Data without Authentication Method");
        }

        return violation.IsNone;
    }

    private bool TryReadWill(scoped ref PacketReader reader, ConnectFlags flags, out Violation violation)
    {
        HasWill = true;
        WillQoS = flags.WillQoS;
        WillRetain = flags.WillRetain;
        if (Version == ProtocolVersion.Mqtt50 && !TryReadWillProperties(ref reader, out violation))
        {
            return false;
        }

        if (!reader.TryReadUtf8(out ReadOnlySpan<byte> topic)) // [MQTT-3.1.3-11]
        {
            violation = Violation.Malformed("Will Topic is missing or not acceptable UTF-8");
            return false;
        }

        if (!reader.TryReadBinary(out ReadOnlySpan<byte> payload))
        {
            violation = Violation.Malformed("Will Payload is cut off");
            return false;
        }

        WillTopic = topic;
        WillPayload = payload;
        violation = TopicName.IsValid(topic)
            ? default
            : new Violation(ReasonCode.TopicNameInvalid, "Will Topic is empty or contains a wildcard");
        return violation.IsNone;
    }

    private bool TryReadWillProperties(scoped ref PacketReader reader, out Violation violation)
    {
        if (!reader.TryReadPropertyBlock(out ReadOnlySpan<byte> block))
        {
            violation = Violation.Malformed("Will Properties are cut off");
            return false;
        }

        WillProperties = block;
        var properties = new PropertyReader(block, PropertyScope.Will);
        while (properties.TryNext(out Property property))
        {
            if (property.Id == PropertyId.WillDelayInterval)
            {
                WillDelaySeconds = property.Number;
            }
            else if (property.Id == PropertyId.MessageExpiryInterval)
            {
                WillMessageExpirySeconds = property.Number;
            }
        }

        violation = properties.Violation;
        return violation.IsNone;
    }

    /// <summary>
    /// Reads the end. MQTT 3.1 puts the Remaining Length above the flags: a name or password that is announced and does not
    /// come is simply absent there.
    /// </summary>
    private bool TryReadCredentials(scoped ref PacketReader reader, ConnectFlags flags, out Violation violation)
    {
        violation = default;
        bool mayLack = Version == ProtocolVersion.Mqtt31;
        if (flags.HasUserName && !(mayLack && reader.Remaining == 0))
        {
            if (!reader.TryReadUtf8(out ReadOnlySpan<byte> userName)) // [MQTT-3.1.3-12]
            {
                violation = Violation.Malformed("User Name is missing or not acceptable UTF-8");
                return false;
            }

            HasUserName = true;
            UserName = userName;
        }

        if (flags.HasPassword && !(mayLack && reader.Remaining == 0))
        {
            if (!reader.TryReadBinary(out ReadOnlySpan<byte> password))
            {
                violation = Violation.Malformed("Password is missing");
                return false;
            }

            HasPassword = true;
            Password = password;
        }

        if (reader.Remaining != 0)
        {
            violation = Violation.Malformed("CONNECT has bytes after its last field");
            return false;
        }

        return true;
    }

    private readonly int MeasureBody(ProtocolVersion version)
    {
        int length = (version == ProtocolVersion.Mqtt31 ? 8 : 6) + 4 + 2 + ClientId.Length;
        length += HasWill ? 4 + WillTopic.Length + WillPayload.Length : 0;
        length += HasUserName ? 2 + UserName.Length : 0;
        length += HasPassword ? 2 + Password.Length : 0;
        if (version == ProtocolVersion.Mqtt50)
        {
            int properties = MeasureProperties(isWill: false);
            length += PacketWriter.VariableByteIntegerLength((uint)properties) + properties;
            if (HasWill)
            {
                properties = MeasureProperties(isWill: true);
                length += PacketWriter.VariableByteIntegerLength((uint)properties) + properties;
            }
        }

        return length;
    }

    private readonly int MeasureProperties(bool isWill)
    {
        PropertyWriter properties = default;
        AddProperties(ref properties, isWill);
        return properties.Length;
    }

    private readonly void WritePropertyBlock(scoped ref PacketWriter writer, bool isWill)
    {
        int length = MeasureProperties(isWill);
        writer.WriteVariableByteInteger((uint)length);
        var properties = new PropertyWriter(writer.Take(length));
        AddProperties(ref properties, isWill);
    }

    private readonly void AddProperties(scoped ref PropertyWriter properties, bool isWill)
    {
        if (isWill)
        {
            properties.AddIfSet(PropertyId.WillDelayInterval, WillDelaySeconds == 0 ? default(uint?) : WillDelaySeconds);
            properties.AddIfSet(PropertyId.MessageExpiryInterval, WillMessageExpirySeconds);
            properties.AddForwardable(WillProperties);
            return;
        }

        properties.AddIfSet(PropertyId.SessionExpiryInterval, SessionExpirySeconds);
        properties.AddIfSet(PropertyId.ReceiveMaximum, ReceiveMaximum);
        properties.AddIfSet(PropertyId.MaximumPacketSize, MaximumPacketSize);
        properties.AddIfSet(PropertyId.TopicAliasMaximum, TopicAliasMaximum);
        properties.AddIfSet(PropertyId.RequestResponseInformation, RequestResponseInformation);
        properties.AddIfSet(PropertyId.RequestProblemInformation, RequestProblemInformation);
        properties.AddIfHas(HasAuthenticationMethod, PropertyId.AuthenticationMethod, AuthenticationMethod);
        properties.AddIfHas(HasAuthenticationData, PropertyId.AuthenticationData, AuthenticationData);
        properties.AddUserProperties(UserPropertyBlock);
    }
}
