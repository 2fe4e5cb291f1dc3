using BenchmarkDotNet.Attributes;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Microbench;

/// <summary>One delivery more into a queue that is full to a depth, and the oldest out of it.</summary>
[MemoryDiagnoser]
public class OutboxBenchmarks
{
    private readonly Delivery _delivery = new(new Message("a/b"u8, new byte[256], QoS.AtLeastOnce), QoS.AtLeastOnce, retain: false);
    private readonly Turn _turn;
    private readonly BrokerOptions _options = new() { SysIntervalSeconds = 0 };
    private Outbox _outbox;

    public OutboxBenchmarks()
    {
        _turn = new Turn(new MessageBroker(_options, new BrokerPorts { NewClientId = static () => "unnamed" }, 0));
        _outbox = default;
    }

    [Params(0, 1000)]
    public int Depth { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _outbox = default;
        for (int i = 0; i < Depth; i++)
            _outbox.TryEnqueue(_delivery, "client", _turn);
    }

    [Benchmark]
    public int EnqueueAndDequeue()
    {
        _outbox.TryEnqueue(_delivery, "client", _turn);
        _outbox.TryDequeue(out _);
        return _outbox.Count;
    }
}
