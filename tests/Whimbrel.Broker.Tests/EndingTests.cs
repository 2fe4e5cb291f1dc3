using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What must not be left behind: by sessions, by connections, by ports that fail.</summary>
public class EndingTests
{
    [Fact]
    public void What_is_in_flight_when_a_session_ends_is_dropped_by_name()
    {
        var broker = new TestBroker();
        TestClient subscriber = broker.Open();
        subscriber.Connect("subscriber");
        subscriber.Subscribe("t");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1).Publish("t", "2", QoS.ExactlyOnce, packetId: 2).Publish("t", "3", QoS.ExactlyOnce, packetId: 3);
        // What was received and only awaits PUBCOMP has arrived.
        subscriber.Ack(PacketType.PubRec, subscriber.Rest()[2].PacketId);
        subscriber.Cut();
        Assert.Equal(2, broker.Core.Statistics.Dropped(DropReason.SessionEnded));
    }

    [Fact]
    public void A_lasting_session_that_comes_and_goes_keeps_one_entry_in_the_timer_wheel()
    {
        var broker = new TestBroker();
        for (int i = 0; i < 50; i++)
        {
            TestClient client = broker.Open();
            client.Connect("device", clean: false, expiry: 1_000_000, keepAlive: 60);
            client.Disconnect();
            broker.Advance(200);
        }

        // One round of the wheel later everything that is left of a session has fired and been put in again once.
        broker.Advance(450);
        Assert.Equal(1, broker.Core.Timers.Count);
    }

    [Fact]
    public void A_port_that_throws_does_not_send_the_next_message_to_the_last_one_s_subscribers()
    {
        var authorizer = new ThrowingOnce();
        var broker = new TestBroker(authorizer: authorizer);
        TestClient other = broker.Open();
        other.Connect("other");
        other.Subscribe("other");
        TestClient publisher = broker.Open();
        publisher.Connect("publisher");
        Assert.Throws<InvalidOperationException>(() => publisher.Publish("other", "x"));
        publisher.Publish("secret", "y");
        Assert.DoesNotContain(other.Rest(), seen => seen.Payload == "y");
    }

    [Fact]
    public void One_SUBSCRIBE_that_repeats_a_filter_many_times_is_owed_the_retained_messages_once()
    {
        var broker = new TestBroker();
        TestClient client = broker.Open();
        client.Connect("client");
        client.Publish("r", "kept", retain: true);
        client.Subscribe(1, 0, [.. Enumerable.Repeat(("#", (byte)0), 2000)]);
        Assert.Single(client.Rest());
    }

    [Fact]
    public void Many_filters_get_their_retained_messages_in_turns()
    {
        var broker = new TestBroker();
        TestClient client = broker.Open();
        client.Connect("client");
        for (int i = 0; i < 100; i++)
            client.Publish("r/" + i, "kept", retain: true);
        client.Subscribe(1, 0, [.. Enumerable.Range(0, 100).Select(i => ("r/" + i, (byte)0))]);
        Assert.Equal(100, client.Rest().Count);
    }

    private sealed class ThrowingOnce : IAuthorizer
    {
        private bool _thrown;

        public Verdict Authorize(ref AccessRequest request)
        {
            if (request.Action == AccessAction.Receive && !_thrown)
            {
                _thrown = true;
                throw new InvalidOperationException("the port failed");
            }

            return Verdict.Allowed;
        }
    }
}
