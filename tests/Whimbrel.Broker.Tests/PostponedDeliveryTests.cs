using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>
/// What a turn does with messages for a session that another thread is in just then. The authorizer stands for that thread: it is asked
/// under the gate of the receiver, and lets a second one publish there.
/// </summary>
public class PostponedDeliveryTests
{
    private readonly WhileInside _inside = new();
    private readonly TestBroker _broker;
    private readonly TestClient _busy;
    private readonly TestClient _free;
    private readonly TestClient _publisher;
    private readonly Turn _other;

    public PostponedDeliveryTests()
    {
        _broker = new TestBroker(authorizer: _inside);
        _busy = Connect("busy");
        _busy.Subscribe("t/+");
        _free = Connect("free");
        _free.Subscribe("t/+");
        _publisher = Connect("publisher");
        _other = new Turn(_broker.Core);
        _other.Begin(_broker.Now);
    }

    [Theory]
    [InlineData(QoS.AtMostOnce)]
    [InlineData(QoS.AtLeastOnce)]
    public void Messages_for_a_session_that_another_thread_is_in_hold_up_nobody_and_come_in_order(QoS qos)
    {
        Occupy(() => Publish(qos, "1", "2", "3"));
        Publish(qos, "4");
        _other.End();
        Assert.Equal(["first", "1", "2", "3", "4"], _busy.ReceiveAll().Select(seen => seen.Payload));
        Assert.Equal(["1", "2", "3", "first", "4"], _free.ReceiveAll().Select(seen => seen.Payload));
        if (qos != QoS.AtMostOnce)
            Assert.All(_publisher.Rest(), answer => Assert.Equal((PacketType.PubAck, ReasonCode.Success), (answer.Type, answer.Reason)));
    }

    [Fact]
    public void A_message_that_two_subscriptions_match_does_not_overtake_what_waits()
    {
        _busy.Subscribe("t/both");
        Occupy(() => Publish(QoS.AtMostOnce, "1", "2"));
        PublishTo("t/both", QoS.AtMostOnce, "3");
        _other.End();
        Assert.Equal(["first", "1", "2", "3"], _busy.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void No_more_than_a_thousand_messages_wait()
    {
        Occupy(() => Publish(QoS.AtMostOnce, "1"));
        for (int i = 2; i <= 1024; i++)
            Publish(QoS.AtMostOnce, $"{i}");
        _busy.Link.Flush();
        Assert.Equal(["first", .. Enumerable.Range(1, 1024).Select(i => $"{i}")], _busy.ReceiveAll().Select(seen => seen.Payload));
        _other.End();
    }

    [Fact]
    public void What_waits_for_a_session_that_ends_meanwhile_goes_with_it()
    {
        Occupy(() => Publish(QoS.AtMostOnce, "1"));
        _busy.Disconnect();
        _other.End();
        Assert.Equal(["1", "first"], _free.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void What_a_failing_port_has_stopped_does_not_come_twice_and_harms_nobody_else()
    {
        Occupy(() => Publish(QoS.AtMostOnce, "1"));
        _inside.Action = () => throw new InvalidOperationException("the port failed");
        Assert.Throws<InvalidOperationException>(_other.End);
        Assert.Equal(["1", "first"], _free.ReceiveAll().Select(seen => seen.Payload));
        _other.End();
        Assert.Equal(["first"], _busy.ReceiveAll().Select(seen => seen.Payload));
    }

    private TestClient Connect(string clientId)
    {
        TestClient client = _broker.Open();
        client.Connect(clientId);
        return client;
    }

    /// <summary>This thread delivers a message to the busy one, and while it is inside another thread does something.</summary>
    private void Occupy(Action another)
    {
        _inside.Action = () =>
        {
            var thread = new Thread(() => another());
            thread.Start();
            Assert.True(thread.Join(TimeSpan.FromSeconds(30)), "the other thread waits for the gate");
        };
        Connect("occupier").Publish("t/x", "first");
        Assert.Null(_inside.Action);
    }

    private void Publish(QoS qos, params string[] payloads) => PublishTo("t/x", qos, payloads);

    /// <summary>In the other thread's turn, which goes on.</summary>
    private void PublishTo(string topic, QoS qos, params string[] payloads)
    {
        ushort packetId = 0;
        foreach (string payload in payloads)
        {
            var packet = new PublishPacket
            {
                Topic = Encoding.UTF8.GetBytes(topic),
                Payload = Encoding.UTF8.GetBytes(payload),
                QoS = qos,
                PacketId = qos == QoS.AtMostOnce ? (ushort)0 : ++packetId,
            };
            byte[] bytes = new byte[packet.Measure(ProtocolVersion.Mqtt50)];
            packet.Write(bytes, ProtocolVersion.Mqtt50);
            _publisher.Link.Receive(bytes, _other);
        }
    }

    private sealed class WhileInside : IAuthorizer
    {
        /// <summary>What happens when a message is next delivered to the busy one.</summary>
        public Action? Action { get; set; }

        public Verdict Authorize(ref AccessRequest request)
        {
            if (request.Action == AccessAction.Receive && request.ClientId == "busy")
            {
                Action? action = Action;
                Action = null;
                action?.Invoke();
            }

            return Verdict.Allowed;
        }
    }
}
