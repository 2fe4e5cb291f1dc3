using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What the tests of this folder begin with.</summary>
internal static class DurableBroker
{
    public static TestBroker New() => new(new MemoryStore());

    /// <summary>A session that lasts, and whether it was there.</summary>
    public static TestClient Lasting(this TestBroker broker, string name, out bool present, TestWill? will = null, bool clean = false, uint expiry = 10_000)
    {
        TestClient client = broker.Open();
        present = client.Connect(name, clean: clean, expiry: expiry, will: will).SessionPresent;
        return client;
    }

    public static TestClient Lasting(this TestBroker broker, string name, TestWill? will = null) => broker.Lasting(name, out _, will);

    /// <summary>A session that ends with its connection.</summary>
    public static TestClient Passing(this TestBroker broker, string name)
    {
        TestClient client = broker.Open();
        client.Connect(name);
        return client;
    }

    /// <summary>A lasting session with one subscription, not connected.</summary>
    public static void Absent(this TestBroker broker, string name, string filter, QoS qos = QoS.ExactlyOnce)
    {
        TestClient client = broker.Lasting(name);
        client.Subscribe(filter, qos);
        client.Cut();
    }

    public static IEnumerable<string> Payloads(this IEnumerable<Seen> publishes) => publishes.Where(seen => seen.Type == PacketType.Publish).Select(seen => seen.Payload);
}
