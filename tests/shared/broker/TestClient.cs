using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Tests;

/// <summary>A client that says exactly what the test wants, and remembers what it was told.</summary>
internal sealed class TestClient(TestBroker broker, TestLink link)
{
    private readonly List<Seen> _passedOver = [];
    private int _read;

    public TestLink Link => link;

    /// <summary>The version that packets are written and read in. <see cref="Connect"/> sets it; who sends CONNECT as bytes sets it himself.</summary>
    public ProtocolVersion Version { get; set; } = ProtocolVersion.Mqtt50;

    public bool IsClosed => link.IsClosed;

    /// <summary>Sends bytes as they are.</summary>
    public TestClient SendBytes(params ReadOnlySpan<byte> bytes)
    {
        byte[] copy = bytes.ToArray();
        broker.Do(turn => link.Receive(copy, turn));
        return this;
    }

    public TestClient Send<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(Version)];
        packet.Write(bytes, Version);
        return SendBytes(bytes);
    }

    /// <summary>Sends CONNECT and returns what CONNACK said.</summary>
    public Seen Connect(
        string clientId,
        ProtocolVersion version = ProtocolVersion.Mqtt50,
        bool clean = true,
        uint? expiry = null,
        ushort keepAlive = 0,
        TestWill? will = null,
        ushort? receiveMaximum = null,
        uint? maximumPacketSize = null,
        ushort? topicAliasMaximum = null,
        string? userName = null,
        string? password = null,
        bool? requestResponseInformation = null,
        string? authenticationMethod = null,
        byte[]? authenticationData = null)
    {
        Version = version;
        var packet = new ConnectPacket
        {
            Version = version,
            ClientId = Encoding.UTF8.GetBytes(clientId),
            CleanStart = clean,
            KeepAliveSeconds = keepAlive,
            SessionExpirySeconds = expiry,
            ReceiveMaximum = receiveMaximum,
            MaximumPacketSize = maximumPacketSize,
            TopicAliasMaximum = topicAliasMaximum,
            RequestResponseInformation = requestResponseInformation,
            HasUserName = userName is not null,
            UserName = Encoding.UTF8.GetBytes(userName ?? ""),
            HasPassword = password is not null,
            Password = Encoding.UTF8.GetBytes(password ?? ""),
            HasAuthenticationMethod = authenticationMethod is not null,
            AuthenticationMethod = Encoding.UTF8.GetBytes(authenticationMethod ?? ""),
            HasAuthenticationData = authenticationData is not null,
            AuthenticationData = authenticationData,
            HasWill = will is not null,
            WillQoS = will?.QoS ?? QoS.AtMostOnce,
            WillRetain = will?.Retain ?? false,
            WillTopic = Encoding.UTF8.GetBytes(will?.Topic ?? ""),
            WillPayload = Encoding.UTF8.GetBytes(will?.Payload ?? ""),
            WillDelaySeconds = will?.DelaySeconds ?? 0,
            WillMessageExpirySeconds = will?.ExpirySeconds,
            WillProperties = will?.Properties ?? [],
        };
        Send(packet);
        return Next();
    }

    public Seen Subscribe(string filter, QoS qos = QoS.ExactlyOnce, byte options = 0, uint identifier = 0, ushort packetId = 10) =>
        Subscribe(packetId, identifier, (filter, (byte)(options | (int)qos)));

    /// <summary>Sends SUBSCRIBE and returns SUBACK; retained messages that follow wait to be read.</summary>
    public Seen Subscribe(ushort packetId, uint identifier, params (string Filter, byte Options)[] filters)
    {
        var body = new List<byte>();
        foreach ((string filter, byte options) in filters)
        {
            AppendString(body, filter);
            body.Add(options);
        }

        Send(new SubscribePacket { PacketId = packetId, SubscriptionIdentifier = identifier, EncodedFilters = body.ToArray() });
        return Next();
    }

    public Seen Unsubscribe(ushort packetId, params string[] filters)
    {
        var body = new List<byte>();
        foreach (string filter in filters)
            AppendString(body, filter);
        Send(new UnsubscribePacket { PacketId = packetId, EncodedFilters = body.ToArray() });
        return Next();
    }

    public TestClient Publish(
        string topic,
        string payload,
        QoS qos = QoS.AtMostOnce,
        bool retain = false,
        ushort packetId = 1,
        bool duplicate = false,
        uint? expiry = null,
        ushort alias = 0,
        byte[]? properties = null) =>
        Send(new PublishPacket
        {
            Topic = Encoding.UTF8.GetBytes(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            QoS = qos,
            Retain = retain,
            Duplicate = duplicate,
            PacketId = qos == QoS.AtMostOnce ? (ushort)0 : packetId,
            HasMessageExpiry = expiry is not null,
            MessageExpirySeconds = expiry ?? 0,
            TopicAlias = alias,
            PropertyBlock = properties ?? [],
        });

    public TestClient Ack(PacketType type, ushort packetId, ReasonCode reason = ReasonCode.Success) =>
        Send(new AckPacket { Type = type, PacketId = packetId, Reason = reason });

    /// <summary>Sends DISCONNECT and closes, as a well-behaved client does.</summary>
    public void Disconnect(ReasonCode reason = ReasonCode.Success, uint? expiry = null)
    {
        Send(new DisconnectPacket { Reason = reason, SessionExpirySeconds = expiry });
        Cut();
    }

    /// <summary>The network breaks.</summary>
    public void Cut() => broker.Do(turn => link.NetworkEnded(CloseCause.PeerClosed, turn));

    /// <summary>The next packet, which must be there.</summary>
    public Seen Next()
    {
        Seen? seen = TryNext();
        Assert.True(seen is not null, "no packet came");
        return seen;
    }

    public Seen Next(PacketType type)
    {
        Seen seen = Next();
        Assert.Equal(type, seen.Type);
        return seen;
    }

    /// <summary>The first packet that satisfies a condition; what comes before it stays to be read.</summary>
    public Seen TakeFirst(Predicate<Seen> condition)
    {
        var all = Rest();
        int index = all.FindIndex(condition);
        Assert.True(index >= 0, $"it did not come; came: {string.Join(" ", all)}");
        Seen found = all[index];
        all.RemoveAt(index);
        _passedOver.AddRange(all);
        return found;
    }

    public Seen? TryNext()
    {
        if (_passedOver.Count > 0)
        {
            Seen first = _passedOver[0];
            _passedOver.RemoveAt(0);
            return first;
        }

        ReadOnlySpan<byte> bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(link.Arrived)[_read..];
        if (bytes.IsEmpty)
            return null;
        FrameStatus status = FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out _);
        Assert.Equal(FrameStatus.Complete, status);
        _read += length;
        return Seen.From(frame, Version);
    }

    /// <summary>Everything that has come and was not read.</summary>
    public List<Seen> Rest()
    {
        var all = new List<Seen>();
        while (TryNext() is { } seen)
            all.Add(seen);
        return all;
    }

    /// <summary>Reads on and acknowledges whatever has a QoS until nothing comes any more; returns the PUBLISH packets.</summary>
    public List<Seen> ReceiveAll()
    {
        var publishes = new List<Seen>();
        while (TryNext() is { } seen)
        {
            switch (seen.Type)
            {
                case PacketType.Publish:
                    publishes.Add(seen);
                    if (seen.QoS != QoS.AtMostOnce)
                        Ack(seen.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, seen.PacketId);
                    break;
                case PacketType.PubRel:
                    Ack(PacketType.PubComp, seen.PacketId);
                    break;
                default:
                    break;
            }
        }

        return publishes;
    }

    /// <summary>Asserts that the broker ended the connection, in 5.0 with this reason.</summary>
    public void AssertClosed(ReasonCode reason)
    {
        if (Version == ProtocolVersion.Mqtt50)
            Assert.Equal(reason, Next(PacketType.Disconnect).Reason);
        Assert.Null(TryNext());
        Assert.True(link.IsClosed, "the connection is still open");
    }

    public void AssertNothing() => Assert.Null(TryNext()?.ToString());

    private static void AppendString(List<byte> body, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        body.Add((byte)(utf8.Length >> 8));
        body.Add((byte)utf8.Length);
        body.AddRange(utf8);
    }
}

internal sealed record TestWill(
    string Topic,
    string Payload = "gone",
    QoS QoS = QoS.AtMostOnce,
    bool Retain = false,
    uint DelaySeconds = 0,
    uint? ExpirySeconds = null,
    byte[]? Properties = null);
