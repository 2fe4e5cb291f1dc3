using BenchmarkDotNet.Attributes;
using Whimbrel.Protocol;

namespace Whimbrel.Microbench;

/// <summary>One PUBLISH from bytes and to bytes, and the check of its topic.</summary>
[MemoryDiagnoser]
public class CodecBenchmarks
{
    private readonly byte[] _topic = "site/12/line/3/sensor/temperature"u8.ToArray();
    private byte[] _frame = [];
    private byte[] _payload = [];
    private byte[] _destination = [];

    [Params(ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50)]
    public ProtocolVersion Version { get; set; }

    [Params(16, 4096)]
    public int PayloadLength { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _payload = new byte[PayloadLength];
        var packet = new PublishPacket { Topic = _topic, Payload = _payload, QoS = QoS.AtLeastOnce, PacketId = 7 };
        _frame = new byte[packet.Measure(Version)];
        packet.Write(_frame, Version);
        _destination = new byte[_frame.Length];
    }

    [Benchmark]
    public int Read() =>
        FrameReader.TryRead(_frame, uint.MaxValue, out Frame frame, out _, out _) == FrameStatus.Complete
        && PublishPacket.TryParse(frame, Version, out PublishPacket packet, out _) ? packet.Payload.Length : -1;

    [Benchmark]
    public int Write()
    {
        var packet = new PublishPacket { Topic = _topic, Payload = _payload, QoS = QoS.AtLeastOnce, PacketId = 7 };
        packet.Measure(Version);
        return packet.Write(_destination, Version);
    }
}
