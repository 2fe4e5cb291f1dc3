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
