using Whimbrel.Broker;
using Whimbrel.Tests;

namespace Whimbrel.Storage.Tests;

/// <summary>Batches of a real journal, written beside a store that is a few dictionaries: both have to tell the same.</summary>
public class RandomBatchTests
{
    private const int Steps = 600;

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, 20), Environment.TickCount];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Whatever_happens_the_next_start_finds_what_was_written_and_in_the_end_nothing(int seed)
    {
        var life = new RandomLife(seed);
        life.Journal.Open(new Nobody());
        using var engine = new MemoryEngine();
        using var model = new MemoryStore();
        var store = new Storing(engine, model, life);
        for (int step = 0; step < Steps; step++)
        {
            life.Step();
            if (life.Chance(0.05))
                store.Write();
        }

        store.Write();
        life.End();
        store.Write();
        Assert.Equal(0, model.Count);
        Assert.Equal(["000000000000000000", "000000000000000001"], engine.Keys(Family.State).Take(2));
        Assert.InRange(engine[Family.State].Count, 2, 3);
        Assert.Empty(engine[Family.Messages]);
        Assert.Empty(engine[Family.Retained]);
    }

    [Fact]
    public void What_was_acknowledged_before_its_batch_was_taken_is_not_there()
    {
        using var engine = new MemoryEngine();
        var journal = new Journal();
        journal.Open(new Nobody());
        StoredSession quick = journal.Begin(null!);
        StoredSession slow = journal.Begin(null!);
        StoredCopy[] first = Copies("both are quick", quick, slow);
        StoredCopy[] second = Copies("one is slow", quick, slow);
        journal.Append([.. first], null);
        journal.Append([.. second], null);
        foreach (StoredCopy copy in new[] { first[0], first[1], second[0] })
            journal.Done(copy, keepsPacketId: false);
        StoreBatch batch = journal.Take()!;
        Batches.Opened(engine).Write(batch);
        ToldStore told = Batches.Told(engine);
        Assert.StartsWith("message 2 ", told.Lines.Single(), StringComparison.Ordinal);
        Assert.EndsWith(": 2 2 AtLeastOnce False []  ", told.Lines.Single(), StringComparison.Ordinal);
    }

    private static StoredCopy[] Copies(string payload, params StoredSession[] sessions)
    {
        Message message = Batches.Message("t", payload);
        var stored = new StoredMessage(message);
        return [.. sessions.Select(session => new StoredCopy(stored, session, ++session.LastSequence, new Delivery(message, Protocol.QoS.AtLeastOnce, false)))];
    }

    private sealed class Storing(MemoryEngine engine, MemoryStore model, RandomLife life)
    {
        private LayoutStore _store = Batches.Opened(engine);

        public void Write()
        {
            if (life.Journal.Take() is not { } batch)
                return;
            while (life.Chance(0.1))
            {
                engine.Failure = new StoreException(StoreFailure.Full, "no space");
                engine.WritesDespiteFailure = life.Chance(0.5);
                if (!batch.IsEmpty)
                    Assert.Throws<StoreException>(() => _store.Write(batch));
                engine.Failure = null;
            }

            _store.Write(batch);
            model.Write(batch);
            (long lastMessageId, long lastSessionNumber) = (batch.LastMessageId, batch.LastSessionNumber);
            life.Journal.Commit(batch);
            if (life.Chance(0.3))
                _store = Batches.Opened(engine);
            ToldStore told = Batches.Told(engine);
            Assert.Equal(ToldStore.From(model).Sorted, told.Sorted);
            Assert.True(told.LastNumbers.MessageId >= lastMessageId && told.LastNumbers.Session >= lastSessionNumber, "a number may be given again");
        }
    }

    private sealed class Nobody : IWakeable
    {
        public void Wake()
        {
        }
    }
}
