using System.Diagnostics;
using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>
/// Random packets, whole and mutated, of all versions, from several clients that come and go: nothing throws, every closed link has a
/// name, the bounds hold, what the broker sends can be read and keeps to what its client allows, and afterwards the broker serves a
/// well-behaved client as if nothing had been.
/// </summary>
/// <remarks>A few seconds in CI; WHIMBREL_FUZZ_SECONDS=3600 goes on with new seeds for that long.</remarks>
public class SessionFuzzTests
{
    private static readonly string[] Topics = ["a", "a/b", "$SYS/x", "a", "a/b", "b", "a//b", "a", "+/x"];
    private static readonly string[] Filters = ["a", "#", "+/b", "$share/g/a", "a/b", "$share/g/#", "+", "a/#/b"];
    /// <summary>A message that was admitted may reach a session once more through each shared subscription that chose it.</summary>
    private const int SharedFilters = 2;

    private static readonly PacketType[] Acks = [PacketType.PubAck, PacketType.PubRec, PacketType.PubRel, PacketType.PubComp];

    [Fact]
    public void Whatever_comes_the_broker_stands()
    {
        int seconds = int.TryParse(Environment.GetEnvironmentVariable("WHIMBREL_FUZZ_SECONDS"), out int asked) ? asked : 0;
        long started = Stopwatch.GetTimestamp();
        (long delivered, long violations, long drops) = (0, 0, 0);
        for (int seed = 1; seed <= 60 || Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; seed++)
        {
            BrokerStatistics statistics = Run(seed);
            delivered += statistics.PublishesSent;
            violations += statistics.Closed(CloseReason.ProtocolViolation);
            drops += statistics.DroppedTotal;
        }

        // A script that never gets anywhere would find nothing.
        Assert.True(delivered > 2000 && violations > 500 && drops > 500, $"delivered {delivered}, violations {violations}, drops {drops}");
    }

    private static BrokerStatistics Run(int seed)
    {
        var random = new Random(seed);
        var options = new BrokerOptions { SysIntervalSeconds = 10, OutboxMessagesMax = 20, OutboxPolicy = (OutboxPolicy)(seed % 3), InFlightMax = 4, RetainedMessagesMax = 3, SubscriptionsPerSessionMax = 5 };
        var broker = new TestBroker(options);
        var clients = new List<Peer>();
        int arrived = 0;
        try
        {
            for (int step = 0; step < 600; step++)
            {
                foreach (Peer peer in clients.Where(peer => peer.Client.IsClosed))
                    peer.ReadAll();
                clients.RemoveAll(peer => peer.Client.IsClosed);
                if (clients.Count < 4)
                {
                    arrived++;
                    clients.Add(Arrive(random, broker));
                }
                else
                {
                    Act(random, broker, clients[random.Next(clients.Count)]);
                }

                Assert.All(broker.Core.DescribeClients(), client => Assert.True(client.Queued <= options.OutboxMessagesMax + SharedFilters && client.InFlight <= options.InFlightMax && client.Subscriptions <= options.SubscriptionsPerSessionMax, client.ToString()));
                Assert.True(broker.Core.RetainedCount <= options.RetainedMessagesMax);
            }

            foreach (Peer peer in clients)
            {
                peer.ReadAll();
                peer.Client.Cut();
            }

            Assert.True(broker.Core.IsIdle, "a connection was not counted out");
            List<BrokerEvent> closed = broker.Events.FindAll(e => e.Kind == BrokerEventKind.Closed);
            Assert.Equal(arrived, closed.Count);
            Assert.All(closed, e => Assert.False(string.IsNullOrEmpty(e.Detail)));
            Serve(broker, options.OutboxPolicy);
            return broker.Core.Statistics;
        }
        catch (Exception e)
        {
            Assert.Fail($"seed {seed}: {e}");
            throw;
        }
    }

    private static Peer Arrive(Random random, TestBroker broker)
    {
        TestClient client = broker.Open();
        client.Link.PeerReads = random.Next(4) != 0;
        var connect = new ConnectPacket
        {
            Version = (ProtocolVersion)random.Next(3, 6),
            ClientId = Encoding.UTF8.GetBytes("c" + random.Next(6)),
            CleanStart = random.Next(2) == 0,
            KeepAliveSeconds = (ushort)(random.Next(4) == 0 ? 20 : 0),
            ReceiveMaximum = (ushort)random.Next(1, 5),
            TopicAliasMaximum = (ushort)random.Next(3),
            MaximumPacketSize = random.Next(4) == 0 ? (uint)random.Next(1, 200) : null,
            SessionExpirySeconds = (uint)random.Next(3) * 50,
            HasWill = random.Next(2) == 0,
            WillTopic = "a"u8,
            WillPayload = "gone"u8,
            WillQoS = (QoS)random.Next(3),
            WillDelaySeconds = (uint)random.Next(3) * 10,
        };
        client.Version = connect.Version;
        bool isReadable = true;
        if (random.Next(10) == 0)
        {
            // Somebody whose CONNECT may say anything, its version included: nothing can be read back from it.
            Send(random, client, connect, connect.Version);
            client.Cut();
            isReadable = false;
        }
        else
        {
            client.Send(connect);
        }

        bool five = connect.Version == ProtocolVersion.Mqtt50;
        return new Peer(client, isReadable, five ? connect.MaximumPacketSize ?? uint.MaxValue : uint.MaxValue, five ? connect.TopicAliasMaximum ?? 0 : 0);
    }

    private static void Act(Random random, TestBroker broker, Peer peer)
    {
        TestClient client = peer.Client;
        ProtocolVersion version = random.Next(30) == 0 ? (ProtocolVersion)random.Next(3, 6) : client.Version;
        byte[] filter = Encoding.UTF8.GetBytes(Filters[random.Next(Filters.Length)]);
        byte[] filters = [0, (byte)filter.Length, .. filter, (byte)random.Next(random.Next(30) == 0 ? 64 : 3)];
        switch (random.Next(12))
        {
            case 0:
                client.Cut();
                break;
            case 1:
                client.Link.PeerReads = !client.Link.PeerReads;
                broker.Do(_ => client.Link.Flush());
                break;
            case 2:
                broker.Advance(random.Next(30));
                break;
            case 3:
                Send(random, client, new SubscribePacket { PacketId = (ushort)random.Next(1, 5), EncodedFilters = filters }, version);
                break;
            case 4:
                Send(random, client, new UnsubscribePacket { PacketId = (ushort)random.Next(1, 5), EncodedFilters = filters.AsSpan(0, filters.Length - 1) }, version);
                break;
            case 5:
                Send(random, client, new DisconnectPacket { Reason = random.Next(2) == 0 ? ReasonCode.Success : ReasonCode.DisconnectWithWillMessage, SessionExpirySeconds = 30 }, version);
                break;
            case 6:
                Send(random, client, new PingPacket(PacketType.PingReq), version);
                break;
            case 7 or 8 when peer.Read() is { PacketId: not 0 } seen && random.Next(3) != 0:
                PacketType answer = seen.Type switch
                {
                    PacketType.Publish => seen.QoS == QoS.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec,
                    PacketType.PubRel => PacketType.PubComp,
                    _ => PacketType.PubRel,
                };
                Send(random, client, new AckPacket { Type = answer, PacketId = seen.PacketId }, version);
                break;
            case 7 or 8:
                Send(random, client, new AckPacket { Type = Acks[random.Next(4)], PacketId = (ushort)random.Next(1, 6) }, version);
                break;
            default:
                QoS qos = (QoS)random.Next(3);
                Send(random, client, new PublishPacket
                {
                    QoS = qos,
                    PacketId = qos == QoS.AtMostOnce ? (ushort)0 : (ushort)random.Next(1, 6),
                    Retain = random.Next(3) == 0,
                    Topic = Encoding.UTF8.GetBytes(Topics[random.Next(Topics.Length)]),
                    TopicAlias = (ushort)(random.Next(8) == 0 ? random.Next(1, 65) : 0),
                    HasMessageExpiry = random.Next(3) == 0,
                    MessageExpirySeconds = (uint)random.Next(20),
                    Payload = new byte[random.Next(200)],
                }, version);
                break;
        }
    }

    private static void Send<TPacket>(Random random, TestClient client, in TPacket packet, ProtocolVersion version)
        where TPacket : IPacket, allows ref struct
    {
        byte[] bytes = new byte[packet.Measure(version)];
        packet.Write(bytes, version);
        for (int mutations = random.Next(30) == 0 ? random.Next(1, 4) : 0; mutations > 0; mutations--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        int cut = random.Next(3) == 0 ? random.Next(bytes.Length) : 0;
        client.SendBytes(bytes.AsSpan(0, cut));
        if (!client.IsClosed)
            client.SendBytes(bytes.AsSpan(cut));
    }

    /// <summary>A client, and what its CONNECT allowed the broker to send.</summary>
    private sealed record Peer(TestClient Client, bool IsReadable, uint PacketSizeMax, int AliasMax)
    {
        public Seen? Read()
        {
            if (!IsReadable || Client.TryNext() is not { } seen)
                return null;
            Assert.True(seen.Length <= PacketSizeMax, $"{seen.Length} bytes for a client that takes {PacketSizeMax}");
            Assert.InRange(seen.TopicAlias, 0, AliasMax);
            Assert.False(seen.Duplicate && seen.QoS == QoS.AtMostOnce);
            Assert.True(seen.Type != PacketType.Publish || (seen.PacketId == 0) == (seen.QoS == QoS.AtMostOnce), "a packet identifier without QoS, or the other way round");
            return seen;
        }

        public void ReadAll()
        {
            while (Read() is not null)
            {
            }
        }
    }

    private static void Serve(TestBroker broker, OutboxPolicy policy)
    {
        TestClient subscriber = broker.Open();
        subscriber.Connect("well-behaved");
        subscriber.Subscribe("fresh/+");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("fresh/x", "1").Publish("fresh/x", "2", QoS.AtLeastOnce).Publish("fresh/x", "3", QoS.ExactlyOnce, packetId: 2);
        // Where a full outbox rejects publishers, an absent session that subscribed to # may stand against QoS 1 and 2.
        int rejected = policy == OutboxPolicy.RejectPublisher ? publisher.Rest().Count(seen => seen.Reason == ReasonCode.QuotaExceeded) : 0;
        Assert.Equal(3 - rejected, subscriber.ReceiveAll().Count);
    }
}
