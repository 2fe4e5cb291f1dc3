using BenchmarkDotNet.Attributes;
using Whimbrel.Protocol;
using Whimbrel.Tests;

namespace Whimbrel.Microbench;

/// <summary>
/// The core without sockets, from the publisher's bytes to the subscribers' and back to the publisher's acknowledgement. Figures are per
/// message published; the clients' own parsing and answering is in them.
/// </summary>
[MemoryDiagnoser]
public class DeliveryBenchmarks
{
    /// <summary>Messages of one read.</summary>
    private const int Batch = 50;

    private LoopbackBroker _broker = new();
    private LoopbackClient? _publisher;
    private byte[] _packets = [];

    public enum Scene
    {
        Pair,
        FanOut100,
        SharedBy10,
        Retained,
    }

    [Params(QoS.AtMostOnce, QoS.AtLeastOnce, QoS.ExactlyOnce)]
    public QoS QoS { get; set; }

    [ParamsAllValues]
    public Scene Kind { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _broker = new LoopbackBroker();
        _publisher = _broker.Connect("publisher");
        int subscribers = Kind switch
        {
            Scene.FanOut100 => 100,
            Scene.SharedBy10 => 10,
            _ => 1,
        };
        for (int i = 0; i < subscribers; i++)
            _broker.Connect($"subscriber-{i}").Subscribe(Kind == Scene.SharedBy10 ? "$share/group/a/b" : "a/b", QoS);
        _packets = _publisher.Encode(Batch, "a/b", 16, QoS, Kind == Scene.Retained);
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public long Deliver()
    {
        _publisher!.Send(_packets);
        _broker.Settle();
        return _publisher.Acknowledged;
    }
}
