using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>Random scripts from a seed, run against the broker and against <see cref="ReferenceBroker"/>.</summary>
public class RandomScriptTests
{
    private static readonly string[] Levels = ["a", "b", "", "c"];
    private static readonly string[] FilterLevels = ["a", "b", "", "+", "+", "c"];

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, 200)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_broker_delivers_what_the_reference_delivers(int seed) => Run(seed, new TestBroker(), crashes: false);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_broker_with_a_store_delivers_what_the_reference_delivers(int seed) => Run(seed, new TestBroker(new MemoryStore()), crashes: false);

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_broker_that_crashes_now_and_then_delivers_what_the_reference_delivers(int seed) => Run(seed, new TestBroker(new MemoryStore()), crashes: true);

    private static void Run(int seed, TestBroker broker, bool crashes)
    {
        var random = new Random(seed);
        var reference = new ReferenceBroker();
        var online = new Dictionary<string, TestClient>();
        ushort packetId = 100;
        for (int step = 0; step < 150; step++)
        {
            if (crashes && random.Next(15) == 0)
            {
                broker = broker.Crash();
                foreach (string name in online.Keys)
                    reference.Disconnect(name);
                online.Clear();
            }

            string client = "client-" + random.Next(5);
            if (!online.TryGetValue(client, out TestClient? connection))
            {
                bool cleanStart = random.Next(4) == 0;
                bool persists = random.Next(3) != 0;
                connection = online[client] = broker.Open();
                Seen connAck = connection.Connect(client, clean: cleanStart, expiry: persists ? 1000u : null);
                Assert.Equal(reference.Connect(client, cleanStart, persists), connAck.SessionPresent);
            }
            else
            {
                packetId++;
                switch (random.Next(12))
                {
                    case 0:
                        connection.Disconnect();
                        online.Remove(client);
                        reference.Disconnect(client);
                        break;
                    case 1:
                        connection.Cut();
                        online.Remove(client);
                        reference.Disconnect(client);
                        break;
                    case 2:
                        TestClient newer = broker.Open();
                        bool clean = random.Next(4) == 0;
                        reference.Disconnect(client);
                        Assert.Equal(reference.Connect(client, clean, persists: true), newer.Connect(client, clean: clean, expiry: 1000u).SessionPresent);
                        connection.AssertClosed(ReasonCode.SessionTakenOver);
                        online[client] = newer;
                        break;
                    case 3 or 4:
                        Subscribe(random, reference, client, connection, packetId);
                        break;
                    case 5:
                        string filter = Filter(random);
                        bool existed = reference.Unsubscribe(client, filter);
                        Assert.Equal((byte)(existed ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted), connection.Unsubscribe(packetId, filter).Codes[0]);
                        break;
                    default:
                        Publish(random, reference, client, connection, packetId, step);
                        break;
                }
            }

            foreach ((string name, TestClient other) in online)
                Compare(reference[name], other.ReceiveAll(), $"seed {seed}, step {step}, {name}");
        }
    }

    private static void Subscribe(Random random, ReferenceBroker reference, string client, TestClient connection, ushort packetId)
    {
        string filter = Filter(random);
        var options = new SubscriptionOptions((byte)(random.Next(3) | (random.Next(2) << 2) | (random.Next(2) << 3) | (random.Next(3) << 4)));
        uint id = (uint)random.Next(4);
        reference.Subscribe(client, filter, options, id);
        Assert.Equal((byte)options.QoS, connection.Subscribe(packetId, id, (filter, options.Bits)).Codes[0]);
    }

    private static void Publish(Random random, ReferenceBroker reference, string client, TestClient connection, ushort packetId, int step)
    {
        string topic = string.Join('/', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Levels[random.Next(Levels.Length)]));
        if (topic.Length == 0)
            topic = "a";
        var message = new ReferenceBroker.Published(topic, random.Next(6) == 0 ? "" : "payload-" + step, (QoS)random.Next(3), random.Next(3) == 0, client);
        ReasonCode expected = reference.Publish(message) ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
        connection.Publish(message.Topic, message.Payload, message.QoS, message.Retain, packetId);
        // The publisher may have received its own message before the answer to it: look for the answer among what came.
        if (message.QoS == QoS.AtMostOnce)
            return;
        PacketType answer = message.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec;
        Seen ack = connection.TakeFirst(seen => seen.Type == answer);
        Assert.Equal((packetId, expected), (ack.PacketId, ack.Reason));
        if (message.QoS == QoS.ExactlyOnce)
            Assert.Equal(ReasonCode.Success, connection.Ack(PacketType.PubRel, packetId).TakeFirst(seen => seen.Type == PacketType.PubComp).Reason);
    }

    private static void Compare(ReferenceBroker.Session expected, List<Seen> actual, string at)
    {
        List<ReferenceBroker.Received> received = [.. actual.Select(seen => new ReferenceBroker.Received(
            seen.Topic,
            seen.Payload,
            seen.QoS,
            seen.Retain,
            string.Join(",", seen.SubscriptionIds.Order())))];
        // Replayed messages may stand anywhere among the live ones, in any order: taking them out leaves the live ones in order.
        foreach (ReferenceBroker.Received replayed in expected.Replayed)
            Assert.True(received.Remove(replayed), $"{at}: the retained {replayed} did not come; came: {string.Join(" ", actual)}");
        Assert.True(expected.Live.SequenceEqual(received), $"{at}: expected {string.Join(" ", expected.Live)} came {string.Join(" ", received)}");
        expected.Live.Clear();
        expected.Replayed.Clear();
    }

    private static string Filter(Random random)
    {
        int levels = random.Next(1, 4);
        string filter = string.Join('/', Enumerable.Range(0, levels).Select(_ => FilterLevels[random.Next(FilterLevels.Length)]));
        if (random.Next(3) == 0)
            filter += "/#";
        return filter.Length == 0 ? "#" : filter;
    }
}
