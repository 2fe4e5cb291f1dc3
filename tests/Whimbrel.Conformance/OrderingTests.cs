using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Section 4.6: the order of messages, whatever they meet on their way.</summary>
public class OrderingTests
{
    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.6.0-5")]
    [Clause("MQTT-4.6.0-6")]
    [Clause311("MQTT-4.6.0-5")]
    [Clause311("MQTT-4.6.0-6")]
    public void Each_publisher_s_messages_stay_in_order_through_full_windows_full_links_and_lost_connections(ProtocolVersion version)
    {
        for (int seed = 1; seed <= 10; seed++)
        {
            var random = new Random(seed);
            var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 4, LinkHighWaterBytes = 1024 });
            TestClient subscriber = broker.Lasting("subscriber", version);
            subscriber.Subscribe("t/+");
            TestClient[] publishers = [broker.Connected("p", version), broker.Connected("q", version)];
            int[] next = new int[publishers.Length];
            var got = new List<Seen>();
            for (int step = 0; step < 400; step++)
            {
                int who = random.Next(publishers.Length);
                string payload = $"{who} {++next[who]} " + new string('x', random.Next(100));
                publishers[who].PublishSafely("t/" + random.Next(2), payload, (QoS)random.Next(1, 3));
                switch (random.Next(8))
                {
                    case 0:
                        subscriber.Link.PeerReads = !subscriber.Link.PeerReads;
                        broker.Do(_ => subscriber.Link.Flush());
                        break;
                    case 1 when random.Next(4) == 0:
                        got.AddRange(subscriber.ReceiveAll());
                        subscriber.Cut();
                        subscriber = broker.Lasting("subscriber", version);
                        break;
                    case < 4:
                        got.AddRange(subscriber.ReceiveAll());
                        break;
                    default:
                        break;
                }
            }

            subscriber.Link.PeerReads = true;
            broker.Do(_ => subscriber.Link.Flush());
            got.AddRange(subscriber.ReceiveAll());
            Assert.Empty(broker.Drops);
            // What comes again is a repetition, not another message: only first attempts are held to the order.
            foreach (var line in got.Where(seen => !seen.Duplicate).GroupBy(seen => (seen.Payload.Split(' ')[0], seen.Topic, seen.QoS)))
            {
                int[] numbers = [.. line.Select(seen => int.Parse(seen.Payload.Split(' ')[1]))];
                Assert.Equal(numbers.Order(), numbers);
            }

            Assert.Equal(next.Sum(), got.Select(seen => seen.Payload).Distinct().Count());
        }
    }

    [Fact]
    [Clause("MQTT-4.6.0-5")]
    public void Acknowledgements_in_any_order_do_not_change_the_order_of_what_waits()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, InFlightMax = 4 });
        TestClient subscriber = broker.Connected("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = broker.Connected("publisher");
        for (int i = 1; i <= 12; i++)
            publisher.PublishSafely("t", i.ToString());
        var got = new List<string>();
        for (List<Seen> window = subscriber.Rest(); window.Count > 0; window = subscriber.Rest())
        {
            got.AddRange(window.Payloads());
            foreach (Seen seen in Enumerable.Reverse(window))
                subscriber.Ack(PacketType.PubAck, seen.PacketId);
        }

        Assert.Equal(Enumerable.Range(1, 12).Select(i => i.ToString()), got);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-4.6.0-2")]
    [Clause311("MQTT-4.6.0-2")]
    public void Refused_publishes_are_answered_in_their_turn(ProtocolVersion version)
    {
        var broker = new TestBroker();
        TestClient publisher = broker.Connected("publisher", version);
        var batch = new List<byte>();
        for (ushort id = 1; id <= 6; id++)
        {
            var packet = new PublishPacket { Topic = id % 2 == 0 ? "$denied"u8 : "t"u8, QoS = QoS.AtLeastOnce, PacketId = id };
            byte[] bytes = new byte[packet.Measure(version)];
            packet.Write(bytes, version);
            batch.AddRange(bytes);
        }

        publisher.SendBytes([.. batch]);
        Assert.Equal([1, 2, 3, 4, 5, 6], publisher.Rest().Select(seen => (int)seen.PacketId));
    }

    [Fact]
    [Clause("MQTT-4.5.0-1")]
    [Clause311("MQTT-4.5.0-1")]
    public void An_accepted_message_is_every_matching_session_s_whoever_else_is_slow_absent_or_gone()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, LinkHighWaterBytes = 1024 });
        TestClient absent = broker.Lasting("absent");
        absent.Subscribe("t");
        absent.Cut();
        TestClient slow = broker.Lasting("slow");
        slow.Subscribe("t");
        slow.Link.PeerReads = false;
        TestClient gone = broker.Connected("gone");
        gone.Subscribe("t");
        gone.Cut();
        TestClient there = broker.Connected("there");
        there.Subscribe("t");
        TestClient publisher = broker.Connected("publisher");
        for (int i = 0; i < 100; i++)
            publisher.PublishSafely("t", i + new string('x', 100));
        Assert.Equal(100, there.ReceiveAll().Count);
        slow.Link.PeerReads = true;
        broker.Do(_ => slow.Link.Flush());
        Assert.Equal(100, slow.ReceiveAll().Count);
        Assert.Equal(100, broker.Lasting("absent").ReceiveAll().Count);
        Assert.Empty(broker.Drops);
    }
}
