using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What other threads do while one routes a message: a subscriber inside the process is called in the middle of it.</summary>
public class BetweenTests
{
    private TestBroker _broker = DurableBroker.New();

    [Fact]
    public void A_shared_delivery_that_another_member_took_over_and_acknowledged_in_between_leaves_the_message_to_those_who_get_it_later()
    {
        _broker.Absent("other", "$share/g/t");
        TestClient member = _broker.Lasting("member");
        member.Subscribe("$share/g/t", QoS.AtLeastOnce);
        _broker.Absent("late", "t");
        InBetween("t", () =>
        {
            member.Disconnect(expiry: 0);
            TestClient other = _broker.Lasting("other");
            Assert.Equal(["1"], other.ReceiveAll().Payloads());
            other.Cut();
        });
        _broker.Passing("publisher").Publish("t", "1", QoS.AtLeastOnce).Next(PacketType.PubAck);
        _broker = _broker.Crash();
        Assert.Empty(_broker.Lasting("other").ReceiveAll());
        Assert.Equal(["1"], _broker.Lasting("late").ReceiveAll().Payloads());
        Assert.Equal(0, _broker.Store!.MessageCount);
    }

    [Fact]
    public void The_publisher_of_a_shared_delivery_that_changes_hands_in_between_is_acknowledged_when_the_new_hands_have_it_on_disk()
    {
        _broker.Absent("other", "$share/g/t");
        TestClient member = _broker.Lasting("member");
        member.Subscribe("$share/g/t", QoS.AtLeastOnce);
        InBetween("t", () =>
        {
            _broker.IsDiskSlow = true;
            member.Disconnect(expiry: 0);
        });
        TestClient publisher = _broker.Passing("publisher");
        publisher.Publish("t", "1", QoS.AtLeastOnce);
        Assert.Empty(publisher.Rest());
        _broker.Commit();
        publisher.Next(PacketType.PubAck);
        Assert.Equal(["1"], _broker.Crash().Lasting("other").ReceiveAll().Payloads());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_session_that_starts_anew_while_its_deliveries_are_changing_hands_loses_none_of_them(bool crashesInBetween)
    {
        TestClient member = _broker.Open();
        member.Connect("member", expiry: 1000, receiveMaximum: 1);
        member.Subscribe("$share/g/t", QoS.AtLeastOnce);
        TestClient publisher = _broker.Passing("publisher");
        for (ushort id = 1; id <= 3; id++)
            publisher.Publish("t", $"{id}", QoS.AtLeastOnce, packetId: id).Next(PacketType.PubAck);
        TestClient other = _broker.Lasting("other");
        other.Subscribe("$share/g/t", QoS.AtLeastOnce);
        Turn routing = CutWithoutRouting("member");
        TestClient again = _broker.Open();
        again.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "member"u8, CleanStart = true });
        Assert.Empty(again.Rest());
        if (!crashesInBetween)
        {
            _broker.Core.RunRoutes(routing);
            _broker.Commit();
            Assert.False(again.Next(PacketType.ConnAck).SessionPresent);
        }

        _broker = _broker.Crash();
        IEnumerable<string> taken = _broker.Lasting("other").ReceiveAll().Payloads();
        IEnumerable<string> left = _broker.Lasting("member", out bool present).ReceiveAll().Payloads();
        // Who was not told of the new session finds the old one.
        Assert.Equal(crashesInBetween, present);
        Assert.Equal(["1", "2", "3"], [.. taken.Order(), .. left]);
    }

    [Fact]
    public void A_session_that_starts_anew_while_its_will_is_being_published_does_not_lose_it()
    {
        _broker.Absent("absent", "t");
        _broker.Lasting("dying", new TestWill("t", QoS: QoS.AtLeastOnce));
        CutWithoutRouting("dying");
        TestClient again = _broker.Open();
        again.Send(new ConnectPacket { Version = ProtocolVersion.Mqtt50, ClientId = "dying"u8, CleanStart = true });
        Assert.Empty(again.Rest());
        _broker = _broker.Crash();
        Assert.Equal(["gone"], _broker.Lasting("absent").ReceiveAll().Payloads());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_repeated_QoS_2_publish_whose_first_copy_is_still_being_routed_is_acknowledged_when_that_one_may_be(bool crashes)
    {
        _broker.Absent("absent", "t");
        TestClient first = _broker.Lasting("publisher");
        TestClient second = _broker.Open();
        InBetween("t", () =>
        {
            second.Connect("publisher", clean: false, expiry: 10_000);
            _broker.IsDiskSlow = true;
            second.Publish("t", "1", QoS.ExactlyOnce, packetId: 5, duplicate: true);
            Assert.Empty(second.Rest());
        });
        first.Publish("t", "1", QoS.ExactlyOnce, packetId: 5);
        Assert.Empty(second.Rest());
        if (crashes)
        {
            Assert.Empty(_broker.Crash().Lasting("absent").ReceiveAll());
            return;
        }

        _broker.Commit();
        Assert.Equal(5, second.Next(PacketType.PubRec).PacketId);
        Assert.Empty(second.Rest());
        Assert.Equal(["1"], _broker.Crash().Lasting("absent").ReceiveAll().Payloads());
    }

    [Fact]
    public void A_refusal_that_comes_when_the_session_has_started_anew_does_not_make_the_new_one_forget_an_identifier()
    {
        _broker = new TestBroker(new MemoryStore(), new BrokerOptions { SysIntervalSeconds = 0, RetainedMessagesMax = 1 });
        TestClient first = _broker.Lasting("publisher");
        first.Publish("t", "retained", QoS.AtLeastOnce, retain: true).Next(PacketType.PubAck);
        TestClient second = _broker.Open();
        TestClient subscriber = _broker.Lasting("subscriber");
        subscriber.Subscribe("new");
        var routing = new Turn(_broker.Core);
        routing.Begin(_broker.Now);
        PublishWithoutRouting("publisher", new PublishPacket { Topic = "full"u8, Payload = "1"u8, QoS = QoS.ExactlyOnce, Retain = true, PacketId = 5 }, routing);
        second.Connect("publisher", clean: true, expiry: 10_000);
        second.Publish("new", "1", QoS.ExactlyOnce, packetId: 5).Next(PacketType.PubRec);
        _broker.Core.RunRoutes(routing);
        second.Publish("new", "1", QoS.ExactlyOnce, packetId: 5, duplicate: true);
        Assert.Equal(["1"], subscriber.ReceiveAll().Payloads());
    }

    private void PublishWithoutRouting(string clientId, in PublishPacket packet, Turn routing)
    {
        byte[] bytes = new byte[packet.Measure(ProtocolVersion.Mqtt50)];
        packet.Write(bytes, ProtocolVersion.Mqtt50);
        Assert.Equal(FrameStatus.Complete, FrameReader.TryRead(bytes, uint.MaxValue, out Frame frame, out _, out _));
        Assert.True(_broker.Core.Sessions.TryGet(clientId, out SessionGate? gate));
        using SessionGate.Scope scope = gate!.Enter();
        scope.Session.OnPacket(frame, routing);
    }

    /// <summary>One thread's first half of the end of a connection: what others are to get is still to be routed by the turn.</summary>
    private Turn CutWithoutRouting(string clientId)
    {
        var turn = new Turn(_broker.Core);
        turn.Begin(_broker.Now);
        Assert.True(_broker.Core.Sessions.TryGet(clientId, out SessionGate? gate));
        using (SessionGate.Scope scope = gate!.Enter())
            scope.Session.Close(CloseCause.PeerClosed, turn);
        return turn;
    }

    /// <summary>Does something once, as another thread, while a message to a topic is being routed: shared subscriptions have got it.</summary>
    private void InBetween(string topic, Action action) => _broker.Do(turn => _broker.Core.Subscribe(topic, new Interruption(action), turn));

    private sealed class Interruption(Action action) : ILocalSubscriber
    {
        private Action? _action = action;

        public bool TryDeliver(Message message, bool retained)
        {
            Interlocked.Exchange(ref _action, null)?.Invoke();
            return true;
        }
    }
}
