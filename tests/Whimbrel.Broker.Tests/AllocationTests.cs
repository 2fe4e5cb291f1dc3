using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>
/// What one message costs the heap between the publisher's bytes and the last subscriber's. Bytes do not depend on the machine's mood,
/// so these gates are exact; a bound may only go down.
/// </summary>
/// <remarks>88 bytes are the one array of the <see cref="Message"/>: 24 of the runtime's, 29 of its own, and 35 for the topic, the publisher and the
/// payload used here. What is retained is kept, at QoS 0 as well.</remarks>
public class AllocationTests
{
    /// <summary>Packets of one read.</summary>
    private const int Batch = 20;

    private const int WarmUpBatches = 200;
    private const int MeasuredBatches = 200;

    [Theory]
    [InlineData(QoS.AtMostOnce, 0)]
    [InlineData(QoS.AtLeastOnce, 88)]
    [InlineData(QoS.ExactlyOnce, 88)]
    public void A_message_to_one_subscriber_allocates_no_more_than_this(QoS qos, double bytes) => AssertAllocates(bytes, qos, subscribers: 1);

    [Theory]
    [InlineData(QoS.AtMostOnce, 0)]
    [InlineData(QoS.AtLeastOnce, 88)]
    [InlineData(QoS.ExactlyOnce, 88)]
    public void A_message_to_100_subscribers_allocates_no_more_than_this(QoS qos, double bytes) => AssertAllocates(bytes, qos, subscribers: 100);

    [Theory]
    [InlineData(QoS.AtMostOnce, 0)]
    [InlineData(QoS.AtLeastOnce, 88)]
    [InlineData(QoS.ExactlyOnce, 88)]
    public void A_message_to_a_group_of_10_allocates_no_more_than_this(QoS qos, double bytes) =>
        AssertAllocates(bytes, qos, subscribers: 10, filter: "$share/g/a/b");

    [Theory]
    [InlineData(QoS.AtMostOnce, 88)]
    [InlineData(QoS.AtLeastOnce, 88)]
    [InlineData(QoS.ExactlyOnce, 88)]
    public void A_retained_update_allocates_no_more_than_this(QoS qos, double bytes) => AssertAllocates(bytes, qos, subscribers: 1, retain: true);

    [Fact]
    public void A_publisher_that_goes_through_20_topics_allocates_nothing()
    {
        var broker = new LoopbackBroker();
        LoopbackClient publisher = broker.Connect("publisher");
        broker.Connect("subscriber").Subscribe("plant/#", QoS.AtMostOnce);
        byte[] packets = [.. Enumerable.Range(0, 20).SelectMany(i => publisher.Encode(1, $"plant/machine/{i}/value", 16, QoS.AtMostOnce))];
        Run(broker, publisher, packets, WarmUpBatches);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(broker, publisher, packets, MeasuredBatches);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void AssertAllocates(double bytesPerMessage, QoS qos, int subscribers, string filter = "a/b", bool retain = false)
    {
        foreach (ProtocolVersion version in new[] { ProtocolVersion.Mqtt311, ProtocolVersion.Mqtt50 })
        {
            double allocated = Measure(version, qos, subscribers, filter, retain);
            Assert.True(allocated <= bytesPerMessage, $"{version}: {allocated} bytes per message, the gate is {bytesPerMessage}");
        }
    }

    /// <summary>Bytes per message published, on this thread, with a payload of 16 bytes.</summary>
    private static double Measure(ProtocolVersion version, QoS qos, int subscribers, string filter, bool retain)
    {
        var broker = new LoopbackBroker();
        LoopbackClient publisher = broker.Connect("publisher", version);
        LoopbackClient[] receivers = [.. Enumerable.Range(0, subscribers).Select(i => broker.Connect($"subscriber-{i}", version))];
        foreach (LoopbackClient receiver in receivers)
            receiver.Subscribe(filter, qos);
        byte[] packets = publisher.Encode(Batch, "a/b", 16, qos, retain);
        Run(broker, publisher, packets, WarmUpBatches);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(broker, publisher, packets, MeasuredBatches);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        int published = (WarmUpBatches + MeasuredBatches) * Batch;
        Assert.Equal(filter.StartsWith('$') ? published : published * subscribers, receivers.Sum(receiver => receiver.Received));
        Assert.Equal(qos == QoS.AtMostOnce ? 0 : published, publisher.Acknowledged);
        return allocated / (double)(MeasuredBatches * Batch);
    }

    private static void Run(LoopbackBroker broker, LoopbackClient publisher, byte[] packets, int batches)
    {
        for (int i = 0; i < batches; i++)
        {
            publisher.Send(packets);
            broker.Settle();
        }
    }
}
