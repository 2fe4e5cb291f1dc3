using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>What the store keeps for itself: reserved numbers, and which messages may have been put twice.</summary>
public sealed class StoreMarksTests : IDisposable
{
    private readonly MemoryEngine _engine = new();
    private readonly LayoutStore _store;

    public StoreMarksTests() => _store = Batches.Opened(_engine);

    public void Dispose()
    {
        _store.Dispose();
        _engine.Dispose();
    }

    [Fact]
    public void Numbers_are_reserved_in_blocks_in_the_batch_that_first_uses_one()
    {
        _store.Write(Numbered(1, 1));
        Assert.Equal((1_000_001, 10_001), Batches.Told(_engine).LastNumbers);
        _store.Write(Numbered(1_000_001, 10_001));
        Assert.Single(_engine.LastBatch);
        _store.Write(Numbered(1_000_002, 10_001));
        Assert.Equal((2_000_002, 10_001), Batches.Told(_engine).LastNumbers);
        _store.Write(Numbered(1_000_003, 10_002));
        Assert.Equal((2_000_002, 20_002), Batches.Told(_engine).LastNumbers);
    }

    [Fact]
    public void A_number_is_not_given_twice_although_nothing_that_bears_it_was_written()
    {
        // Message 7 was acknowledged before its batch was taken.
        _store.Write(Numbered(7, 3));
        LayoutStore next = Batches.Opened(_engine);
        next.Write(Numbered(Batches.Told(_engine).LastNumbers.MessageId + 1, 3));
        Assert.Equal(2_000_008, Batches.Told(_engine).LastNumbers.MessageId);
    }

    [Fact]
    public void A_block_that_was_not_written_is_reserved_by_the_next_attempt()
    {
        _engine.Failure = Full();
        Assert.Throws<StoreException>(() => _store.Write(Numbered(1, 1)));
        _engine.Failure = null;
        _store.Write(Numbered(1, 1));
        Assert.Equal((1_000_001, 10_001), Batches.Told(_engine).LastNumbers);
    }

    [Fact]
    public void A_message_is_removed_the_cheap_way()
    {
        StoredMessage message = Batches.Queued(1, Batches.Message("t", "x"), (1, 1));
        _store.Write(Batches.Of(Batches.Session(1)).With(message));
        _store.Write(Removing(message));
        Assert.Equal(["DeleteOnce Messages 0000000000000001"], _engine.LastBatch);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_message_that_may_have_been_put_twice_is_removed_the_safe_way(bool restarts)
    {
        StoredMessage tainted = Batches.Queued(99, Batches.Message("t", "x"), (1, 1));
        StoreBatch batch = Batches.Of(Batches.Session(1)).With(tainted);
        (_engine.Failure, _engine.WritesDespiteFailure) = (Full(), true);
        Assert.Throws<StoreException>(() => _store.Write(batch));
        Assert.Throws<StoreException>(() => _store.Write(batch));
        _engine.Failure = null;
        _store.Write(batch);
        LayoutStore store = restarts ? Batches.Opened(_engine) : _store;

        StoredMessage later = Batches.Queued(100, Batches.Message("t", "y"), (1, 2));
        store.Write(new StoreBatch { LastMessageId = 100, LastSessionNumber = 9 }.With(later));
        store.Write(Removing(tainted, later));
        Assert.Equal(["Delete Messages 0000000000000063", "DeleteOnce Messages 0000000000000064"], _engine.LastBatch);
    }

    [Fact]
    public void A_batch_that_is_given_again_removes_what_it_removes_the_safe_way()
    {
        StoredMessage message = Batches.Queued(5, Batches.Message("t", "x"), (1, 1));
        _store.Write(Batches.Of(Batches.Session(1)).With(message));
        (_engine.Failure, _engine.WritesDespiteFailure) = (Full(), true);
        Assert.Throws<StoreException>(() => _store.Write(Removing(message)));
        _engine.Failure = null;
        _store.Write(Removing(message));
        Assert.Contains("Delete Messages 0000000000000005", _engine.LastBatch);
    }

    [Fact]
    public void What_belongs_to_no_session_is_not_told_and_goes_with_the_next_write()
    {
        _store.Write(Batches.Of(Batches.Session(1), Batches.Session(3), Batches.Subscription(1, "a")));
        _store.Write(Batches.Of(Batches.Subscription(2, "left"), Batches.Will(4, 1)));
        ToldStore told = Batches.Told(_engine);
        Assert.Equal(3, told.Lines.Count);

        LayoutStore next = Batches.Opened(_engine);
        Assert.Equal(2, next.Orphans);
        _engine.Failure = Full();
        Assert.Throws<StoreException>(() => next.Write(Batches.Of(Batches.Session(1))));
        _engine.Failure = null;
        next.Write(Batches.Of(Batches.Session(1)));
        Assert.DoesNotContain(_engine.Keys(Family.State), key => key.StartsWith("0000000000000002", StringComparison.Ordinal) || key.StartsWith("0000000000000004", StringComparison.Ordinal));
        next.Write(Batches.Of(Batches.Session(1)));
        Assert.Single(_engine.LastBatch);
    }

    [Fact]
    public void What_is_written_is_counted()
    {
        _store.Write(Numbered(1, 1));
        LayoutStatistics statistics = _store.Statistics;
        Assert.Equal((1, 3), (statistics.Batches, statistics.Records));
        Assert.InRange(statistics.Bytes, 40, 100);
    }

    private static StoreException Full() => new(StoreFailure.Full, "no space");

    private static StoreBatch Numbered(long lastMessageId, long lastSessionNumber)
    {
        StoreBatch batch = new() { LastMessageId = lastMessageId, LastSessionNumber = lastSessionNumber };
        batch.Changes.Add(Batches.Session(1));
        return batch;
    }

    private static StoreBatch Removing(params StoredMessage[] messages)
    {
        StoreBatch batch = new() { LastMessageId = messages.Max(message => message.Id), LastSessionNumber = 9 };
        batch.RemovedMessages.AddRange(messages);
        return batch;
    }
}
