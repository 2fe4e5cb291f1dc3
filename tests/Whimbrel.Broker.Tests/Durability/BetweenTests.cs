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
