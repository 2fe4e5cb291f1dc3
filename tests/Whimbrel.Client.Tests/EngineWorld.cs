using System.Text;
using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>An engine with a server that the test plays: packets in, packets out, and a clock that stands until it is set.</summary>
internal sealed class EngineWorld
{
    private readonly DeliveryPool _pool = new();

    public EngineWorld(EngineOptions? options = null) => Engine = new ClientEngine(Host, options ?? new EngineOptions());

    public RecordingHost Host { get; } = new();

    public ClientEngine Engine { get; }

    public ProtocolVersion Version { get; set; } = ProtocolVersion.Mqtt50;

    public long Now { get; set; }

    public List<Heard> Connect(bool sessionPresent = false, ushort? receiveMaximum = null, ushort aliases = 0, ushort keepAliveSeconds = 0, ushort ownReceiveMaximum = 10, uint? packetBytesMax = null)
    {
        Engine.Open(
            new ConnectRequest
            {
                Version = Version,
                ClientId = "c",
                KeepAliveSeconds = keepAliveSeconds,
                SessionExpirySeconds = 60,
                ReceiveMaximum = ownReceiveMaximum,
                TopicAliasMaximum = 10,
                SendTopicAliasMaximum = 10,
            },
            Now);
        Assert.Equal(PacketType.Connect, (PacketType)(Engine.Output.Take().Span[0] >> 4));
        Receive(new ConnAckPacket { SessionPresent = sessionPresent, ReceiveMaximum = receiveMaximum, TopicAliasMaximum = aliases, MaximumPacketSize = packetBytesMax });
        return Sent();
    }

    public ReceiveOutcome Receive<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(Version)];
        packet.Write(bytes, Version);
        ReceiveOutcome outcome = Engine.Receive(bytes, Now, out int consumed, out _);
        Assert.True(outcome == ReceiveOutcome.Close || consumed == bytes.Length);
        return outcome;
    }

    public ReceiveOutcome ReceiveAck(PacketType type, int id, ReasonCode reason = ReasonCode.Success) =>
        Receive(new AckPacket { Type = type, PacketId = (ushort)id, Reason = reason });

    public void ReceivePong() => Assert.Equal(ReceiveOutcome.NeedMore, Engine.Receive(PingPacket.Response, Now, out _, out _));

    public ReceiveOutcome ReceivePublish(string topic, string payload, QoS qos, int id = 0, bool duplicate = false, int alias = 0) => Receive(new PublishPacket
    {
        Topic = Encoding.UTF8.GetBytes(topic),
        Payload = Encoding.UTF8.GetBytes(payload),
        QoS = qos,
        PacketId = (ushort)id,
        Duplicate = duplicate,
        TopicAlias = (ushort)alias,
    });

    public Delivery Publish(string topic, string payload, QoS qos, long expiresAt = long.MaxValue)
    {
        Delivery delivery = _pool.Take();
        delivery.Begin(topic, Encoding.UTF8.GetBytes(payload), [], qos, false, expiresAt, 0, isAwaited: true);
        Engine.Enqueue(delivery, Now);
        return delivery;
    }

    /// <summary>What the engine has said since the last time.</summary>
    public List<Heard> Sent()
    {
        var seen = new List<Heard>();
        ReadOnlySpan<byte> bytes = Engine.Output.Take().Span;
        while (!bytes.IsEmpty)
        {
            Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out int length, out _));
            seen.Add(Heard.From(frame, Version));
            bytes = bytes[length..];
        }

        return seen;
    }

    /// <summary>The same in a few letters: <c>PUBLISH 1 a=x</c>.</summary>
    public string[] Said() => [.. Sent().Select(Short)];

    public void Commit()
    {
        List<MqttOutboxChange> changes = Engine.TakeChanges(out long position);
        Assert.NotEmpty(changes);
        Engine.Stored(position, Now);
    }

    public static string Short(Heard seen) => seen.Type == PacketType.Publish
        ? $"PUBLISH{(seen.Duplicate ? " DUP" : "")} {seen.PacketId} {seen.Topic}={seen.Payload}"
        : $"{seen.Type.ToString().ToUpperInvariant()} {seen.PacketId}{(seen.Reason == ReasonCode.Success ? "" : $" {seen.Reason}")}";
}
