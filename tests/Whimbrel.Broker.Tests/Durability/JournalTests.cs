using Whimbrel.Protocol;

namespace Whimbrel.Broker.Tests;

/// <summary>What the journal says when threads come to it in an order that sessions on one thread cannot make.</summary>
public class JournalTests
{
    private readonly TestBroker _broker = DurableBroker.New();
    private readonly Journal _journal;

    public JournalTests()
    {
        _broker.IsDiskSlow = true;
        _journal = _broker.Core.Journal;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_copy_that_is_added_to_a_stored_message_was_sent_with_is_safe_with_that_copy_and_not_before(bool isWritten)
    {
        var delivery = new Delivery(new Message("t"u8, qos: QoS.ExactlyOnce), QoS.ExactlyOnce, retain: false);
        var message = new StoredMessage(delivery.Message);
        var first = new StoredCopy(message, NewSession("first"), 1, delivery);
        var second = new StoredCopy(message, NewSession("second"), 1, delivery);
        _journal.Append([first], null);
        if (isWritten)
            _broker.Commit();
        _journal.HandOver(first);
        // Sent while the route that hands it over goes on, during which the disk catches up.
        Assert.Equal(0, _journal.Sent(second, 7));
        Assert.Equal(0, _journal.PositionOf(second));
        _broker.Commit();
        Assert.Equal(0, _journal.PositionOf(second));
        long position = _journal.Append([second], new CopyDone(first));
        Assert.Equal(position, _journal.PositionOf(second));
        Assert.True(position > _journal.Committed);
        _broker.Commit();
        _journal.Done(second, keepsPacketId: false);
        _broker.Commit();
        // All that is left is what the first has acknowledged.
        Assert.Equal((0, 1), (_broker.Store!.MessageCount, _broker.Store.Count));
    }

    private StoredSession NewSession(string name) => _journal.Begin(new SessionGate(name, _broker.Core));
}
