using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>A disk without room: what needs it is refused, what is there is served, and it goes on when there is room again.</summary>
public class FullStoreTests
{
    private readonly TestBroker _broker = DurableBroker.New();

    public FullStoreTests()
    {
        _broker.Absent("absent", "t");
        _broker.Passing("before").Publish("t", "stored", QoS.AtLeastOnce);
    }

    [Theory]
    [InlineData(QoS.AtLeastOnce)]
    [InlineData(QoS.ExactlyOnce)]
    public void A_publish_that_would_be_stored_is_refused_and_one_that_would_not_is_taken(QoS qos)
    {
        TestClient publisher = _broker.Passing("publisher");
        Fill();
        publisher.Publish("t", "1", qos, packetId: 1).Publish("r", "1", qos, retain: true, packetId: 2).Publish("nobody", "1", qos, packetId: 3);
        Assert.Equal([ReasonCode.QuotaExceeded, ReasonCode.QuotaExceeded, ReasonCode.NoMatchingSubscribers], publisher.Rest().Select(ack => ack.Reason));
        Assert.Equal([DropReason.StoreFull, DropReason.StoreFull], _broker.Drops);
    }

    [Fact]
    public void A_retained_message_can_be_cleared_which_makes_room()
    {
        TestClient publisher = _broker.Passing("publisher");
        publisher.Publish("r", "1", QoS.AtLeastOnce, retain: true).Next(PacketType.PubAck);
        _broker.Core.Journal.IsFull = true;
        Assert.Equal(ReasonCode.NoMatchingSubscribers, publisher.Publish("r", "", QoS.AtLeastOnce, retain: true).Next(PacketType.PubAck).Reason);
        Assert.Equal(0, _broker.Store!.RetainedCount);
    }

    [Fact]
    public void Sessions_and_subscriptions_that_would_be_stored_are_refused()
    {
        TestClient lasting = _broker.Lasting("lasting");
        Fill();
        Assert.Equal([(byte)ReasonCode.QuotaExceeded], lasting.Subscribe("t").Codes);
        TestClient other = _broker.Open();
        Assert.Equal(ReasonCode.QuotaExceeded, other.Connect("other", expiry: 100).Reason);
        Assert.Equal(ReasonCode.Success, _broker.Open().Connect("passing").Reason);
    }

    [Fact]
    public void What_is_stored_stays_readable()
    {
        Fill();
        Assert.Equal(["stored"], _broker.Lasting("absent", out bool present).ReceiveAll().Payloads());
        Assert.True(present);
    }

    [Fact]
    public void What_was_accepted_before_is_acknowledged_when_there_is_room_again_and_everything_is_taken_again()
    {
        TestClient publisher = _broker.Passing("publisher");
        _broker.IsDiskSlow = true;
        publisher.Publish("t", "1", QoS.AtLeastOnce, packetId: 1);
        _broker.Store!.Failure = new StoreException(StoreFailure.Full, "no space");
        Assert.Throws<StoreException>(_broker.Commit);
        Assert.Throws<StoreException>(_broker.Commit);
        publisher.Publish("t", "2", QoS.AtLeastOnce, packetId: 2);
        // The refusal waits behind the acknowledgement that is not certain yet.
        Assert.Empty(publisher.Rest());
        _broker.Store!.Failure = null;
        _broker.Commit();
        _broker.CheckRoom();
        Assert.Equal([ReasonCode.Success, ReasonCode.QuotaExceeded], publisher.Rest().Select(ack => ack.Reason));
        publisher.Publish("t", "3", QoS.AtLeastOnce, packetId: 3);
        _broker.Commit();
        Assert.Equal(ReasonCode.Success, publisher.Next(PacketType.PubAck).Reason);
        Assert.Equal(["stored", "1", "3"], _broker.Crash().Lasting("absent").ReceiveAll().Payloads());
    }

    private void Fill()
    {
        _broker.IsDiskSlow = true;
        _broker.Store!.Failure = new StoreException(StoreFailure.Full, "no space");
        _broker.CheckRoom();
    }
}
