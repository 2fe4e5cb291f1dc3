using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

public class SharedSubscriptionTests
{
    private readonly TestBroker _broker = new();

    [Fact]
    public void Messages_are_spread_over_members_with_equal_windows()
    {
        TestClient[] members = [.. Enumerable.Range(0, 4).Select(i => Member("m" + i))];
        Publish(400);
        Assert.All(members, member => Assert.InRange(member.ReceiveAll().Count, 80, 120));
    }

    [Fact]
    public void A_member_with_a_full_window_gets_nothing_while_another_has_room()
    {
        TestClient slow = Member("slow", receiveMaximum: 1);
        TestClient fast = Member("fast", receiveMaximum: 100);
        Publish(50);
        Assert.InRange(slow.Rest().Count, 0, 1);
        Assert.InRange(fast.Rest().Count, 49, 50);
    }

    [Fact]
    public void What_was_queued_for_a_member_that_leaves_goes_to_another_and_nothing_is_lost()
    {
        TestClient leaving = Member("leaving", receiveMaximum: 1, expiry: 100);
        Publish(5);
        Assert.Single(leaving.Rest());
        TestClient staying = Member("staying");
        leaving.Cut();
        Assert.Equal(["2", "3", "4", "5"], staying.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void What_has_expired_goes_to_no_other_member()
    {
        TestClient leaving = Member("leaving", receiveMaximum: 1, expiry: 100);
        TestClient publisher = Publisher();
        publisher.Publish("job", "sent", QoS.AtLeastOnce, packetId: 1);
        publisher.Publish("job", "expired", QoS.AtLeastOnce, packetId: 2, expiry: 5);
        publisher.Publish("job", "lasting", QoS.AtLeastOnce, packetId: 3);
        _broker.Advance(6);
        TestClient staying = Member("staying");
        leaving.Cut();
        Assert.Equal(["lasting"], staying.ReceiveAll().Payloads());
        Assert.Contains(DropReason.Expired, _broker.Drops);
    }

    [Fact]
    [Clause("MQTT-4.8.2-5")]
    public void At_the_end_of_a_member_s_session_QoS_1_in_flight_moves_and_QoS_2_in_flight_does_not()
    {
        TestClient leaving = Member("leaving");
        TestClient publisher = Publisher();
        publisher.Publish("job", "once", QoS.ExactlyOnce, packetId: 1);
        publisher.Publish("job", "at least", QoS.AtLeastOnce, packetId: 2);
        Assert.Equal(2, leaving.Rest().Count);
        TestClient staying = Member("staying");
        leaving.Cut();
        Assert.Equal(["at least"], staying.ReceiveAll().Select(seen => seen.Payload));
    }

    [Fact]
    public void Online_members_come_before_absent_ones_and_absent_ones_queue_when_nobody_is_there()
    {
        Member("absent", expiry: 100).Cut();
        TestClient online = Member("online", expiry: 100);
        Publish(3);
        Assert.Equal(3, online.ReceiveAll().Count);
        online.Cut();
        Publish(4);
        int queued = Resume("absent") + Resume("online");
        Assert.Equal(4, queued);
    }

    [Fact]
    public void Clients_of_3_1_1_share_too()
    {
        TestClient old = _broker.Open();
        old.Connect("old", ProtocolVersion.Mqtt311);
        Assert.Equal([2], old.Subscribe("$share/group/job").Codes);
        TestClient other = Member("other");
        Publish(10);
        Assert.Equal(10, old.ReceiveAll().Count + other.ReceiveAll().Count);
    }

    [Fact]
    [Clause("MQTT-4.8.2-6")]
    public void A_refused_shared_message_is_given_to_nobody_else()
    {
        TestClient refusing = Member("refusing");
        Publish(1);
        Seen seen = refusing.Next(PacketType.Publish);
        TestClient other = Member("other");
        refusing.Ack(PacketType.PubAck, seen.PacketId, ReasonCode.UnspecifiedError);
        refusing.Cut();
        Assert.Empty(other.ReceiveAll());
        Assert.Contains(DropReason.RefusedByClient, _broker.Drops);
    }

    [Fact]
    public void Plain_and_shared_subscriptions_to_one_filter_are_served_independently()
    {
        TestClient plain = _broker.Open();
        plain.Connect("plain");
        plain.Subscribe("job");
        TestClient member = Member("member");
        Publish(3);
        Assert.Equal(3, plain.ReceiveAll().Count);
        Assert.Equal(3, member.ReceiveAll().Count);
    }

    [Fact]
    public void The_last_member_s_leaving_removes_the_group()
    {
        TestClient member = Member("member");
        member.Unsubscribe(11, "$share/group/job");
        TestClient publisher = Publisher();
        Assert.Equal(ReasonCode.NoMatchingSubscribers, publisher.Publish("job", "x", QoS.AtLeastOnce).Next().Reason);
        Assert.Equal(0, _broker.Core.SubscriptionCount);
    }

    private TestClient Member(string name, ushort? receiveMaximum = null, uint? expiry = null)
    {
        TestClient member = _broker.Open();
        member.Connect(name, expiry: expiry, receiveMaximum: receiveMaximum);
        Assert.Equal([2], member.Subscribe("$share/group/job").Codes);
        return member;
    }

    private TestClient Publisher()
    {
        TestClient publisher = _broker.Open();
        publisher.Connect("publisher");
        return publisher;
    }

    private void Publish(int count)
    {
        TestClient publisher = Publisher();
        for (int i = 1; i <= count; i++)
            publisher.Publish("job", i.ToString(), QoS.AtLeastOnce, packetId: (ushort)i);
        publisher.Disconnect();
    }

    private int Resume(string name)
    {
        TestClient member = _broker.Open();
        Assert.True(member.Connect(name, clean: false, expiry: 100).SessionPresent);
        return member.ReceiveAll().Count;
    }
}
