using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Clients as most tests need them: connected, and resumed.</summary>
internal static class Clients
{
    /// <summary>A client with a session of its own that ends with its connection.</summary>
    public static TestClient Connected(this TestBroker broker, string name, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        TestClient client = broker.Open();
        client.Connect(name, version);
        return client;
    }

    /// <summary>A connection to a session that lasts, new or resumed.</summary>
    public static TestClient Lasting(this TestBroker broker, string name, ProtocolVersion version = ProtocolVersion.Mqtt50, ushort? receiveMaximum = null, ushort? topicAliasMaximum = null)
    {
        TestClient client = broker.Open();
        bool five = version == ProtocolVersion.Mqtt50;
        client.Connect(name, version, clean: false, expiry: five ? 10_000u : null, receiveMaximum: receiveMaximum, topicAliasMaximum: topicAliasMaximum);
        return client;
    }

    /// <summary>Publishes with QoS 1 or 2 and completes the exchange.</summary>
    public static void PublishSafely(this TestClient client, string topic, string payload, QoS qos = QoS.AtLeastOnce, bool retain = false, uint? expiry = null, byte[]? properties = null)
    {
        client.Publish(topic, payload, qos, retain, packetId: 60_000, expiry: expiry, properties: properties);
        client.TakeFirst(seen => seen.PacketId == 60_000 && seen.Type is PacketType.PubAck or PacketType.PubRec);
        if (qos == QoS.ExactlyOnce)
            client.Ack(PacketType.PubRel, 60_000).TakeFirst(seen => seen.Type == PacketType.PubComp);
    }

    public static string[] Payloads(this IEnumerable<Seen> publishes) => [.. publishes.Where(seen => seen.Type == PacketType.Publish).Select(seen => seen.Payload)];
}
