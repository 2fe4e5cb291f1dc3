using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>Small QoS 0 messages share one object per thread: whoever keeps one must not find the next one in its place.</summary>
public class PassingMessageTests
{
    private static readonly string[] Payloads = ["one", "two", "three"];

    [Fact]
    public void Queued_QoS_0_messages_stay_what_they_were()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, QueueQoS0Offline = true });
        string[] names = ["first", "second"];
        foreach (string name in names)
        {
            TestClient client = broker.Open();
            client.Connect(name, clean: false, expiry: 100);
            client.Subscribe("t/#");
            client.Cut();
        }

        Publish(broker, "t/a", "t/b", "t/a");
        foreach (string name in names)
        {
            TestClient client = broker.Open();
            client.Connect(name, clean: false, expiry: 100);
            List<Seen> seen = client.ReceiveAll();
            Assert.Equal(Payloads, seen.Select(publish => publish.Payload));
            Assert.Equal(["t/a", "t/b", "t/a"], seen.Select(publish => publish.Topic));
        }
    }

    [Fact]
    public void A_subscriber_inside_the_process_keeps_what_it_got()
    {
        var broker = new TestBroker();
        var kept = new Keeper();
        broker.Do(turn => broker.Core.Subscribe("t", kept, turn));
        broker.Do(turn => broker.Core.Subscribe("#", kept, turn));
        Publish(broker, "t", "t", "t");
        Assert.Equal(Payloads.SelectMany(payload => new[] { payload, payload }), kept.Messages.Select(message => Encoding.UTF8.GetString(message.Payload.Span)));
        Assert.All(kept.Messages, message => Assert.Equal("publisher", message.Publisher));
    }

    [Fact]
    public void A_message_that_waits_for_its_permission_is_not_overwritten_by_the_next_client_s()
    {
        var slow = new SlowForTheFirst();
        var broker = new TestBroker(authorizer: slow);
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber");
        subscriber.Subscribe("t");
        TestClient first = broker.Open();
        first.Connect("first");
        first.Publish("t", "one");
        TestClient second = broker.Open();
        second.Connect("second");
        second.Publish("t", "two");
        broker.Do(_ => slow.Question!.Answer(Verdict.Allowed));
        Assert.Equal(["two", "one"], subscriber.ReceiveAll().Select(publish => publish.Payload));
    }

    [Fact]
    public void Properties_and_expiry_are_kept_with_the_message()
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, QueueQoS0Offline = true });
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber", clean: false, expiry: 100);
        subscriber.Subscribe("t");
        subscriber.Cut();
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        byte[] contentType = [3, 0, 1, (byte)'x'];
        publisher.Publish("t", "lasts", properties: contentType, expiry: 50);
        publisher.Publish("t", "expires", expiry: 5);
        publisher.Publish("t", "plain");
        broker.Advance(10);
        subscriber = broker.Open();
        subscriber.Connect("subscriber", clean: false, expiry: 100);
        List<Seen> seen = subscriber.ReceiveAll();
        Assert.Equal(["lasts", "plain"], seen.Select(publish => publish.Payload));
        Assert.True(seen[0].Properties.AsSpan().IndexOf(contentType) >= 0, "the content type is not there");
        Assert.Equal(40u, seen[0].MessageExpirySeconds);
        Assert.Null(seen[1].MessageExpirySeconds);
    }

    /// <summary>Publishes each payload to one of the topics, in one turn.</summary>
    private static void Publish(TestBroker broker, params string[] topics)
    {
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        var bytes = new List<byte>();
        foreach ((string topic, string payload) in topics.Zip(Payloads))
        {
            var packet = new PublishPacket { Topic = Encoding.UTF8.GetBytes(topic), Payload = Encoding.UTF8.GetBytes(payload) };
            byte[] one = new byte[packet.Measure(ProtocolVersion.Mqtt50)];
            packet.Write(one, ProtocolVersion.Mqtt50);
            bytes.AddRange(one);
        }

        publisher.SendBytes([.. bytes]);
    }

    private sealed class Keeper : ILocalSubscriber
    {
        public List<Message> Messages { get; } = [];

        public bool TryDeliver(Message message, bool retained)
        {
            Messages.Add(message);
            return true;
        }
    }

    private sealed class SlowForTheFirst : IAuthorizer
    {
        public Pending<Verdict>? Question { get; private set; }

        public Verdict Authorize(ref AccessRequest request)
        {
            if (request.Action != AccessAction.Publish || Question is not null)
                return Verdict.Allowed;
            Question = request.Defer();
            return Verdict.Pending;
        }
    }
}
