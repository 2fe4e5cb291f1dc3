using System.Text;

namespace Whimbrel.Protocol.Tests;

/// <summary>Random valid packets: each is filled field by field and written; what it says is told beside its bytes.</summary>
internal sealed class RandomPackets(int seed)
{
    private static readonly ReasonCode[] Codes = Enum.GetValues<ReasonCode>();

    private readonly Random _random = new(seed);

    /// <summary>A packet of a random type that the version has.</summary>
    internal (byte[] Packet, string Said) Next(ProtocolVersion version)
    {
        var type = (PacketType)_random.Next(1, version == ProtocolVersion.Mqtt50 ? 16 : 15);
        return Next(type, version);
    }

    internal (byte[] Packet, string Said) Next(PacketType type, ProtocolVersion version) => type switch
    {
        PacketType.Connect => Connect(version),
        PacketType.ConnAck => ConnAck(version),
        PacketType.Publish => Publish(version),
        PacketType.Subscribe => Subscribe(version),
        PacketType.SubAck => SubAck(version),
        PacketType.Unsubscribe => Unsubscribe(version),
        PacketType.UnsubAck => UnsubAck(version),
        PacketType.PingReq => (PingPacket.Request.ToArray(), "PingReq"),
        PacketType.PingResp => (PingPacket.Response.ToArray(), "PingResp"),
        PacketType.Disconnect => Disconnect(version),
        PacketType.Auth => Auth(),
        _ => Ack(type, version),
    };

    private (byte[] Packet, string Said) Connect(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        bool hasWill = Coin();
        bool hasUserName = Coin();
        bool hasMethod = is5 && Coin();
        bool hasData = hasMethod && Coin();
        bool hasPassword = (is5 || hasUserName) && Coin();
        var packet = new ConnectPacket
        {
            Version = version,
            IsBridge = !is5 && Coin(),
            CleanStart = Coin(),
            KeepAliveSeconds = (ushort)_random.Next(65_536),
            ClientId = Text(0),
            HasUserName = hasUserName,
            UserName = hasUserName ? Text(0) : [],
            HasPassword = hasPassword,
            Password = hasPassword ? Binary() : [],
            HasWill = hasWill,
            WillQoS = hasWill ? (QoS)_random.Next(3) : QoS.AtMostOnce,
            WillRetain = hasWill && Coin(),
            WillTopic = hasWill ? Topic() : [],
            WillPayload = hasWill ? Binary() : [],
        };
        if (is5)
        {
            packet.SessionExpirySeconds = MaybeNumber();
            packet.ReceiveMaximum = (ushort?)Maybe(1, 65_536);
            packet.MaximumPacketSize = (uint?)Maybe(1, int.MaxValue);
            packet.TopicAliasMaximum = (ushort?)Maybe(0, 65_536);
            packet.RequestResponseInformation = MaybeFlag();
            packet.RequestProblemInformation = MaybeFlag();
            packet.HasAuthenticationMethod = hasMethod;
            packet.AuthenticationMethod = hasMethod ? Text(0) : [];
            packet.HasAuthenticationData = hasData;
            packet.AuthenticationData = hasData ? Binary() : [];
            packet.UserPropertyBlock = Users();
            if (hasWill)
            {
                packet.WillDelaySeconds = MaybeNumber() ?? 0;
                packet.WillMessageExpirySeconds = MaybeNumber();
                packet.WillProperties = Forwardable();
            }
        }

        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) ConnAck(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        ConnectReturnCode code = (ConnectReturnCode)_random.Next(6);
        ReasonCode reason = is5 ? Allowed(PacketType.ConnAck) : ReasonCodes.FromReturnCode(code);
        bool hasMethod = is5 && Coin();
        var packet = new ConnAckPacket
        {
            Reason = reason,
            ReturnCode = ReasonCodes.ToReturnCode(reason),
            SessionPresent = reason == ReasonCode.Success && version != ProtocolVersion.Mqtt31 && Coin(),
        };
        if (is5)
        {
            packet.SessionExpirySeconds = MaybeNumber();
            packet.ReceiveMaximum = (ushort?)Maybe(1, 65_536);
            packet.MaximumQoS = (QoS?)Maybe(0, 2);
            packet.RetainAvailable = MaybeFlag();
            packet.MaximumPacketSize = (uint?)Maybe(1, int.MaxValue);
            packet.AssignedClientId = Text(0);
            packet.TopicAliasMaximum = (ushort?)Maybe(0, 65_536);
            packet.ReasonString = Text(0);
            packet.WildcardSubscriptionAvailable = MaybeFlag();
            packet.SubscriptionIdentifiersAvailable = MaybeFlag();
            packet.SharedSubscriptionAvailable = MaybeFlag();
            packet.ServerKeepAliveSeconds = (ushort?)Maybe(0, 65_536);
            packet.ResponseInformation = Text(0);
            packet.ServerReference = Text(0);
            packet.HasAuthenticationMethod = hasMethod;
            packet.AuthenticationMethod = hasMethod ? Text(0) : [];
            packet.HasAuthenticationData = hasMethod;
            packet.AuthenticationData = hasMethod ? Binary() : [];
            packet.UserPropertyBlock = Users();
        }

        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Publish(ProtocolVersion version)
    {
        var qos = (QoS)_random.Next(3);
        var packet = new PublishPacket
        {
            Duplicate = qos != QoS.AtMostOnce && Coin(),
            QoS = qos,
            Retain = Coin(),
            PacketId = qos == QoS.AtMostOnce ? (ushort)0 : PacketId(),
            Topic = Topic(),
            Payload = Binary(),
        };
        if (version == ProtocolVersion.Mqtt50)
        {
            uint[] ids = new uint[_random.Next(4)];
            for (int i = 0; i < ids.Length; i++)
            {
                ids[i] = SubscriptionId();
            }

            packet.TopicAlias = (ushort)(Coin() ? 0 : _random.Next(1, 65_536));
            packet.Topic = packet.TopicAlias != 0 && Coin() ? [] : packet.Topic;
            packet.HasMessageExpiry = Coin();
            packet.MessageExpirySeconds = packet.HasMessageExpiry ? (uint)_random.NextInt64(1L << 32) : 0;
            packet.SubscriptionIdentifiers = ids;
            packet.PropertyBlock = Forwardable();
        }

        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Ack(PacketType type, ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        var packet = new AckPacket
        {
            Type = type,
            PacketId = PacketId(),
            Reason = is5 ? Allowed(type) : ReasonCode.Success,
            ReasonString = is5 ? Text(0) : [],
            UserPropertyBlock = is5 ? Users() : [],
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Subscribe(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        byte[] payload = new byte[2000];
        var writer = new PacketWriter(payload);
        for (int i = _random.Next(5); i >= 0; i--)
        {
            byte[] filter = Filter();
            bool isShared = filter.AsSpan().StartsWith("$share/"u8);
            SubscriptionOptions options = is5
                ? new((QoS)_random.Next(3), !isShared && Coin(), Coin(), (RetainHandling)_random.Next(3))
                : new((QoS)_random.Next(3));
            SubscribePacket.EncodeFilter(ref writer, filter, options);
        }

        var packet = new SubscribePacket
        {
            PacketId = PacketId(),
            SubscriptionIdentifier = is5 && Coin() ? SubscriptionId() : 0,
            UserPropertyBlock = is5 ? Users() : [],
            EncodedFilters = payload.AsSpan(0, writer.Written),
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) SubAck(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        byte[] codes = new byte[_random.Next(1, 6)];
        for (int i = 0; i < codes.Length; i++)
        {
            codes[i] = is5 ? (byte)Allowed(PacketType.SubAck) : new byte[] { 0, 1, 2, 0x80 }[_random.Next(4)];
        }

        var packet = new SubAckPacket
        {
            PacketId = PacketId(),
            ReasonCodes = codes,
            ReasonString = is5 ? Text(0) : [],
            UserPropertyBlock = is5 ? Users() : [],
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Unsubscribe(ProtocolVersion version)
    {
        byte[] payload = new byte[2000];
        var writer = new PacketWriter(payload);
        for (int i = _random.Next(5); i >= 0; i--)
        {
            UnsubscribePacket.EncodeFilter(ref writer, Filter());
        }

        var packet = new UnsubscribePacket
        {
            PacketId = PacketId(),
            UserPropertyBlock = version == ProtocolVersion.Mqtt50 ? Users() : [],
            EncodedFilters = payload.AsSpan(0, writer.Written),
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) UnsubAck(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        byte[] codes = new byte[is5 ? _random.Next(1, 6) : 0];
        for (int i = 0; i < codes.Length; i++)
        {
            codes[i] = (byte)Allowed(PacketType.UnsubAck);
        }

        var packet = new UnsubAckPacket
        {
            PacketId = PacketId(),
            ReasonCodes = codes,
            ReasonString = is5 ? Text(0) : [],
            UserPropertyBlock = is5 ? Users() : [],
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Disconnect(ProtocolVersion version)
    {
        bool is5 = version == ProtocolVersion.Mqtt50;
        var packet = new DisconnectPacket
        {
            Reason = is5 ? Allowed(PacketType.Disconnect) : ReasonCode.Success,
            SessionExpirySeconds = is5 ? MaybeNumber() : null,
            ReasonString = is5 ? Text(0) : [],
            ServerReference = is5 ? Text(0) : [],
            UserPropertyBlock = is5 ? Users() : [],
        };
        return (Wire.Write(packet, version), Describe.Of(packet));
    }

    private (byte[] Packet, string Said) Auth()
    {
        bool hasData = Coin();
        var packet = new AuthPacket
        {
            Reason = Allowed(PacketType.Auth),
            HasAuthenticationMethod = true,
            AuthenticationMethod = Text(0),
            HasAuthenticationData = hasData,
            AuthenticationData = hasData ? Binary() : [],
            ReasonString = Text(0),
            UserPropertyBlock = Users(),
        };
        return (Wire.Write(packet, ProtocolVersion.Mqtt50), Describe.Of(packet));
    }

    private bool Coin() => _random.Next(2) == 0;

    private ushort PacketId() => (ushort)_random.Next(1, 65_536);

    /// <summary>Every length of its encoding is as likely.</summary>
    private uint SubscriptionId() => (uint)_random.Next(1, 1 << (7 * _random.Next(1, 5)));

    private ReasonCode Allowed(PacketType type)
    {
        while (true)
        {
            ReasonCode code = Codes[_random.Next(Codes.Length)];
            if (ReasonCodes.IsAllowed(type, code))
            {
                return code;
            }
        }
    }

    private int? Maybe(int from, int to) => Coin() ? null : _random.Next(from, to);

    private uint? MaybeNumber() => Coin() ? null : (uint)_random.NextInt64(1L << 32);

    private bool? MaybeFlag() => Coin() ? null : Coin();

    private byte[] Binary()
    {
        byte[] bytes = new byte[_random.Next(8) == 0 ? _random.Next(300) : _random.Next(12)];
        _random.NextBytes(bytes);
        return bytes;
    }

    private byte[] Text(int least)
    {
        string[] letters = ["a", "Z", "0", " ", "/", "\u00e9", "\u4e16", "\U0001F426", "\ufeff", "\u0001"];
        var text = new StringBuilder();
        for (int i = _random.Next(10) + least; i > 0; i--)
        {
            text.Append(letters[_random.Next(letters.Length)]);
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private byte[] Topic() => Text(1);

    private byte[] Filter()
    {
        string[] levels = ["a", "bb", "", "+", "\u00e9", "$x"];
        var text = new StringBuilder(_random.Next(4) == 0 ? "$share/g/" : "");
        text.Append('l');
        for (int i = _random.Next(5); i > 0; i--)
        {
            text.Append('/').Append(levels[_random.Next(levels.Length)]);
        }

        return Encoding.UTF8.GetBytes(Coin() ? $"{text}/#" : $"{text}");
    }

    private byte[] Users()
    {
        byte[] block = new byte[1000];
        var writer = new PropertyWriter(block);
        for (int i = _random.Next(4); i > 0; i--)
        {
            writer.AddUserProperty(Text(0), Text(0));
        }

        return block[..writer.Length];
    }

    private byte[] Forwardable()
    {
        byte[] block = new byte[2000];
        var writer = new PropertyWriter(block);
        if (Coin())
        {
            writer.AddEncoded(Users());
        }

        if (Coin())
        {
            writer.Add(PropertyId.PayloadFormatIndicator, (uint)_random.Next(2));
        }

        if (Coin())
        {
            writer.Add(PropertyId.ContentType, Text(0));
        }

        if (Coin())
        {
            writer.Add(PropertyId.ResponseTopic, Topic());
        }

        if (Coin())
        {
            writer.Add(PropertyId.CorrelationData, Binary());
        }

        writer.AddEncoded(Users());
        return block[..writer.Length];
    }
}
