using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Packet identifiers (2.2.1; 2.3.1 in 3.1.1): which packets have one, whose, and when it is free again.</summary>
public class PacketIdentifierTests
{
    private readonly TestBroker _broker = new();

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-2.2.1-2")]
    [Clause311("MQTT-2.3.1-5")]
    public void QoS_0_has_none(ProtocolVersion version)
    {
        TestClient client = Connect(version);
        client.Subscribe("t", QoS.AtMostOnce);
        client.Publish("t", "", QoS.AtMostOnce);
        Assert.Equal(version == ProtocolVersion.Mqtt50 ? 6 : 5, client.Next(PacketType.Publish).Length);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-2.2.1-3")]
    [Clause311("MQTT-2.3.1-1")]
    public void An_identifier_of_0_ends_the_connection(ProtocolVersion version)
    {
        byte[] properties = version == ProtocolVersion.Mqtt50 ? [0] : [];
        byte extra = (byte)properties.Length;
        byte[][] wrong =
        [
            [0x32, (byte)(5 + extra), 0x00, 0x01, (byte)'t', 0x00, 0x00, .. properties],
            [0x34, (byte)(5 + extra), 0x00, 0x01, (byte)'t', 0x00, 0x00, .. properties],
            [0x82, (byte)(6 + extra), 0x00, 0x00, .. properties, 0x00, 0x01, (byte)'t', 0x00],
            [0xA2, (byte)(5 + extra), 0x00, 0x00, .. properties, 0x00, 0x01, (byte)'t'],
        ];
        foreach (byte[] bytes in wrong)
        {
            TestClient client = Connect(version);
            client.SendBytes(bytes);
            Assert.True(client.IsClosed);
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-2.2.1-4")]
    [Clause311("MQTT-2.3.1-4")]
    public void The_broker_gives_every_message_in_flight_an_identifier_of_its_own_and_none_is_0(ProtocolVersion version)
    {
        TestClient client = Connect(version);
        client.Subscribe("t", QoS.ExactlyOnce);
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        var inFlight = new HashSet<ushort>();
        // Once around the 16 bits, while some are never acknowledged.
        for (int i = 0; i < 70_000; i++)
        {
            publisher.Publish("t", "x", QoS.AtLeastOnce, packetId: 1);
            ushort id = client.Next(PacketType.Publish).PacketId;
            Assert.NotEqual(0, id);
            Assert.True(inFlight.Add(id), $"{id} was given twice");
            if (i % 1000 != 0)
            {
                client.Ack(PacketType.PubAck, id);
                inFlight.Remove(id);
            }
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-2.2.1-5")]
    [Clause("MQTT-2.2.1-6")]
    [Clause311("MQTT-2.3.1-6")]
    [Clause311("MQTT-2.3.1-7")]
    public void Every_acknowledgement_carries_the_identifier_of_what_it_acknowledges(ProtocolVersion version)
    {
        TestClient client = Connect(version);
        foreach (ushort id in new ushort[] { 1, 0x1234, 0xFFFF })
        {
            client.Publish("t", "x", QoS.AtLeastOnce, packetId: id);
            Assert.Equal(id, client.Next(PacketType.PubAck).PacketId);
            client.Publish("t", "x", QoS.ExactlyOnce, packetId: id);
            Assert.Equal(id, client.Next(PacketType.PubRec).PacketId);
            client.Ack(PacketType.PubRel, id);
            Assert.Equal(id, client.Next(PacketType.PubComp).PacketId);
            Seen answer = client.Subscribe("s", packetId: id);
            Assert.Equal((PacketType.SubAck, id), (answer.Type, answer.PacketId));
            answer = client.Unsubscribe(id, "s");
            Assert.Equal((PacketType.UnsubAck, id), (answer.Type, answer.PacketId));
        }
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-2.2.1-5")]
    [Clause311("MQTT-2.3.1-6")]
    public void The_broker_s_PUBREL_carries_the_identifier_of_its_PUBLISH(ProtocolVersion version)
    {
        TestClient client = Connect(version);
        client.Subscribe("t", QoS.ExactlyOnce);
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("t", "x", QoS.ExactlyOnce);
        publisher.Ack(PacketType.PubRel, 1);
        ushort id = client.Next(PacketType.Publish).PacketId;
        client.Ack(PacketType.PubRec, id);
        Assert.Equal(id, client.Next(PacketType.PubRel).PacketId);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause311("MQTT-2.3.1-2")]
    [Clause311("MQTT-2.3.1-3")]
    public void An_identifier_is_free_again_once_its_exchange_is_over(ProtocolVersion version)
    {
        TestClient client = Connect(version);
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("t", QoS.AtMostOnce);
        for (int i = 0; i < 3; i++)
        {
            client.Publish("t", $"1-{i}", QoS.AtLeastOnce, packetId: 5);
            client.Next(PacketType.PubAck);
            client.Publish("t", $"2-{i}", QoS.ExactlyOnce, packetId: 5);
            client.Next(PacketType.PubRec);
            client.Publish("t", $"2-{i}", QoS.ExactlyOnce, packetId: 5, duplicate: true);
            client.Next(PacketType.PubRec);
            client.Ack(PacketType.PubRel, 5);
            client.Next(PacketType.PubComp);
        }

        Assert.Equal(["1-0", "2-0", "1-1", "2-1", "1-2", "2-2"], watcher.Rest().Select(seen => seen.Payload));
    }

    [Fact]
    public void The_two_directions_have_identifiers_of_their_own()
    {
        TestClient client = Connect(ProtocolVersion.Mqtt50);
        client.Subscribe("t", QoS.AtLeastOnce);
        client.Publish("t", "x", QoS.AtLeastOnce, packetId: 1);
        List<Seen> got = client.Rest();
        Seen publish = Assert.Single(got, seen => seen.Type == PacketType.Publish);
        Assert.Equal(1, publish.PacketId);
        Assert.Equal((ushort)1, Assert.Single(got, seen => seen.Type == PacketType.PubAck).PacketId);
        client.Publish("u", "y", QoS.AtLeastOnce, packetId: 1);
        Assert.Equal((ushort)1, client.Next(PacketType.PubAck).PacketId);
    }

    private TestClient Connect(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        return client;
    }
}
