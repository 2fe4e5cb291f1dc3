using BenchmarkDotNet.Attributes;
using Whimbrel.Client.Engine;
using Whimbrel.Protocol;
using Whimbrel.Tests;

namespace Whimbrel.Microbench;

/// <summary>
/// The client library's engine by itself: what one message costs before a lock, a task or a socket is touched. Many at a time, as a load
/// generator would have them.
/// </summary>
[MemoryDiagnoser]
public class ClientEngineBenchmarks
{
    private const int Batch = 64;

    private readonly byte[] _payload = new byte[16];
    private readonly DeliveryPool _pool = new();
    private readonly Delivery[] _deliveries = new Delivery[Batch];
    private byte[] _received = [];
    private ClientEngine _engine = null!;

    [Params(QoS.AtMostOnce, QoS.AtLeastOnce)]
    public QoS QoS { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _engine = new ClientEngine(new QuietHost(), new EngineOptions());
        _engine.Open(new ConnectRequest { ClientId = "c" }, 0);
        _engine.Output.Clear();
        byte[] bytes = new byte[64];
        int length = default(ConnAckPacket).Write(bytes, ProtocolVersion.Mqtt50);
        _engine.Receive(bytes.AsSpan(0, length), 0, out _, out _);
        _engine.Subscribe("a/b", new SubscriptionTerms(new SubscriptionOptions(QoS)), new Reader());
        _engine.Output.Clear();
        var packets = new List<byte>();
        for (ushort id = 1; id <= Batch; id++)
        {
            var packet = new PublishPacket { Topic = "a/b"u8, Payload = _payload, QoS = QoS, PacketId = QoS == QoS.AtMostOnce ? (ushort)0 : id };
            byte[] one = new byte[packet.Measure(ProtocolVersion.Mqtt50)];
            packet.Write(one, ProtocolVersion.Mqtt50);
            packets.AddRange(one);
        }

        _received = [.. packets];
    }

    /// <summary>Writes PUBLISH and takes PUBACK.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void Publish()
    {
        if (QoS == QoS.AtMostOnce)
        {
            for (int i = 0; i < Batch; i++)
                _engine.Publish("a/b", _payload, [], retain: false, null);
            _engine.Output.Clear();
            return;
        }

        Span<byte> ack = [0x40, 0x02, 0, 0];
        for (int i = 0; i < Batch; i++)
        {
            Delivery delivery = _deliveries[i] = _pool.Take();
            delivery.Begin("a/b", _payload, [], QoS, false, long.MaxValue, 0, isAwaited: false);
            _engine.Enqueue(delivery, 0);
        }

        ReadOnlySpan<byte> sent = _engine.Output.Take().Span;
        while (FrameReader.TryRead(sent, uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
        {
            _ = PublishPacket.TryParse(frame, ProtocolVersion.Mqtt50, out PublishPacket publish, out _);
            (ack[2], ack[3]) = ((byte)(publish.PacketId >> 8), (byte)publish.PacketId);
            _engine.Receive(ack, 0, out _, out _);
            sent = sent[length..];
        }

        foreach (Delivery delivery in _deliveries)
            delivery.Execute();
    }

    /// <summary>Takes PUBLISH to a raw subscriber and writes PUBACK.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void Receive()
    {
        ReadOnlySpan<byte> left = _received;
        while (!left.IsEmpty)
        {
            ReceiveOutcome outcome = _engine.Receive(left, 0, out int consumed, out _);
            if (outcome == ReceiveOutcome.Raw)
                _engine.DeliverRaw(left);
            left = left[consumed..];
        }

        _engine.Output.Clear();
    }

    private sealed class Reader : ISubscriber
    {
        private long _bytes;

        public bool IsRaw => true;

        public void Offer(in PublishPacket packet, string topic, long token)
        {
        }

        public void Raw(in PublishPacket packet, string topic) => _bytes += packet.Payload.Length;
    }
}
