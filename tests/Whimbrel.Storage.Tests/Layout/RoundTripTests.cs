using Whimbrel.Broker;
using Whimbrel.Protocol;
using Whimbrel.Tests;

namespace Whimbrel.Storage.Tests;

public sealed class RoundTripTests : IDisposable
{
    private readonly MemoryEngine _engine = new();
    private readonly MemoryStore _model = new();
    private readonly LayoutStore _store;

    public RoundTripTests() => _store = Batches.Opened(_engine);

    public void Dispose()
    {
        _store.Dispose();
        _model.Dispose();
        _engine.Dispose();
    }

    [Fact]
    public void An_empty_store_tells_that_nothing_was_given()
    {
        ToldStore told = Batches.Told(_engine);
        Assert.Empty(told.Lines);
        Assert.Equal((0, 0), told.LastNumbers);
    }

    [Fact]
    public void A_session_comes_back_with_everything_that_is_known_of_it()
    {
        Write(Batches.Of(
            new SessionState(1, "plain", null, ProtocolVersion.Mqtt31, 0, Message.Never),
            new SessionState(2, "", "", ProtocolVersion.Mqtt311, 1, 0),
            new SessionState(9, "Ω👍", "some user", ProtocolVersion.Mqtt50, uint.MaxValue, 1_790_000_000_000)));
        AssertSame(3);
    }

    [Fact]
    public void What_a_session_left_comes_back_with_it()
    {
        StoreBatch batch = Batches.Of(
            Batches.Session(1),
            new SubscriptionState(1, "a/+", new SubscriptionOptions(QoS.ExactlyOnce, true, true, RetainHandling.DoNotSend), 268_435_455, true),
            new SubscriptionState(1, "$share/g/#", new SubscriptionOptions(QoS.AtMostOnce), 0, false),
            new WillState(1, 3, new Will("w"u8.ToArray(), new byte[300], new byte[] { 1, 0 }, QoS.ExactlyOnce, true, 77, 0)),
            new WillState(1, 4, new Will("w"u8.ToArray(), default, default, QoS.AtMostOnce, false, uint.MaxValue, null)));
        batch.Acknowledged.Add(new StoreBatch.AcknowledgedState(1, 5, [new(7, 7), new(9, 1L << 40), new((1L << 40) + 2, long.MaxValue)]));
        batch.Received.Add(new StoreBatch.ReceivedKey(1, 1), true);
        batch.Received.Add(new StoreBatch.ReceivedKey(1, ushort.MaxValue), true);
        batch.Sent.Add(new StoreBatch.SentKey(1, 3), 65535);
        batch.Sent.Add(new StoreBatch.SentKey(1, long.MaxValue), 1);
        Write(batch);
        AssertSame(10);
    }

    [Fact]
    public void A_message_comes_back_with_every_property_and_copy()
    {
        var message = new Message("a/b"u8, new byte[100_000], QoS.ExactlyOnce, retain: true, [1, 1], 1_790_000_000_000, "publisher");
        var rich = new StoredMessage(message) { Id = 1 };
        rich.AddCopy(new StoredCopy(rich, Batches.Stored(9), 1, new Delivery(message, QoS.ExactlyOnce, true, [1, uint.MaxValue], new SharedGroup("$share/g/a/#"))));
        rich.AddCopy(new StoredCopy(rich, Batches.Stored(2), long.MaxValue, new Delivery(message, QoS.AtLeastOnce, false)));
        rich.AddCopy(new StoredCopy(rich, Batches.Stored(3), 300, new Delivery(message, QoS.AtLeastOnce, false, [5])));
        Write(Batches.Of().With(
            rich,
            Batches.Queued(2, new Message("t"u8, qos: QoS.AtLeastOnce), (1, 1)),
            Batches.Queued(99, new Message("t"u8, qos: QoS.AtLeastOnce, publisher: ""), [.. Enumerable.Range(1, 9).Select(i => (i % 9 + 1L, (long)i))])));
        AssertSame(3);
    }

    [Fact]
    public void Copies_that_are_added_later_come_back_with_the_message_and_go_with_it()
    {
        StoredMessage message = Batches.Queued(5, Batches.Message("t", "x"), (1, 1));
        Write(Batches.Of().With(message, Batches.Queued(6, Batches.Message("t", "y"), (1, 2))));
        StoreBatch adding = Batches.Of();
        foreach (int session in new[] { 2, 3 })
        {
            adding.AddedCopies.Add(new StoredCopy(message, Batches.Stored(session), 7, new Delivery(message.Message, QoS.AtLeastOnce, true, [8], new SharedGroup("$share/g/#"))));
            (message.Added ??= []).Add(new StoreBatch.SentKey(session, 7));
        }

        Write(adding);
        AssertSame(2);
        Assert.Equal(2, Batches.Told(_engine).Lines[0].Split("added").Length - 1);

        StoreBatch removing = Batches.Of();
        removing.RemovedMessages.Add(message);
        Write(removing);
        AssertSame(1);
        Assert.Single(_engine[Family.Messages]);
    }

    [Fact]
    public void Retained_messages_are_replaced_and_removed_by_topic()
    {
        StoreBatch batch = Batches.Of();
        batch.Retained.Add("a"u8.ToArray(), Batches.Message("a", "1", QoS.AtMostOnce));
        batch.Retained.Add("b"u8.ToArray(), new Message("b"u8, retain: true, properties: [1, 0], expiresAt: 5));
        batch.Retained.Add("nothing"u8.ToArray(), null);
        Write(batch);
        AssertSame(2);
        StoreBatch next = Batches.Of();
        next.Retained.Add("a"u8.ToArray(), Batches.Message("a", "2"));
        next.Retained.Add("b"u8.ToArray(), null);
        Write(next);
        AssertSame(1);
    }

    [Fact]
    public void What_ends_is_gone()
    {
        StoreBatch batch = Batches.Of(Batches.Session(1), Batches.Subscription(1, "a"), Batches.Subscription(1, "b"), Batches.Will(1, 1));
        batch.Received.Add(new StoreBatch.ReceivedKey(1, 5), true);
        batch.Received.Add(new StoreBatch.ReceivedKey(1, 6), true);
        batch.Sent.Add(new StoreBatch.SentKey(1, 5), 5);
        batch.Sent.Add(new StoreBatch.SentKey(1, 6), 6);
        Write(batch);
        StoreBatch ending = Batches.Of(new SubscriptionEnded(1, "a"), new WillEnded(1, 1), Batches.Will(1, 2));
        ending.Received.Add(new StoreBatch.ReceivedKey(1, 5), false);
        ending.Completed.Add(new StoreBatch.SentKey(1, 5));
        Write(ending);
        AssertSame(5);
    }

    [Fact]
    public void A_session_that_ends_leaves_nothing_but_the_store_s_own_records()
    {
        StoreBatch batch = Batches.Of(Batches.Session(1), Batches.Subscription(1, "a"), Batches.Subscription(1, "b"), Batches.Will(1, 1));
        batch.Received.Add(new StoreBatch.ReceivedKey(1, 5), true);
        batch.Sent.Add(new StoreBatch.SentKey(1, 5), 5);
        batch.Acknowledged.Add(new StoreBatch.AcknowledgedState(1, 4, []));
        Write(batch);
        Write(Batches.Of(new SessionEnded(Batches.Stored(1), ["a", "b"], [5], [5], 1)));
        AssertSame(0);
        Assert.All(_engine.Keys(Family.State), key => Assert.StartsWith("0000000000000000", key, StringComparison.Ordinal));
    }

    [Fact]
    public void A_message_that_is_removed_in_the_batch_of_its_added_copy_is_gone()
    {
        StoredMessage message = Batches.Queued(5, Batches.Message("t", "x"), (1, 1));
        Write(Batches.Of().With(message));
        StoreBatch batch = Batches.Of();
        batch.AddedCopies.Add(new StoredCopy(message, Batches.Stored(2), 1, new Delivery(message.Message, QoS.AtLeastOnce, false)));
        message.Added = [new StoreBatch.SentKey(2, 1)];
        batch.RemovedMessages.Add(message);
        Write(batch);
        Assert.Empty(_engine[Family.Messages]);
    }

    [Fact]
    public void An_empty_batch_is_not_written()
    {
        _store.Write(new StoreBatch());
        Assert.Equal(0, _engine.Writes);
        Write(Batches.Of(Batches.Session(1)));
        Assert.Equal((1, 1), (_engine.Writes, _store.Statistics.Batches));
    }

    [Fact]
    public void A_store_is_not_written_before_it_was_read() =>
        Assert.Throws<InvalidOperationException>(() => new LayoutStore(_engine, "memory").Write(Batches.Of(Batches.Session(1))));

    private void Write(StoreBatch batch)
    {
        _store.Write(batch);
        _model.Write(batch);
    }

    private void AssertSame(int lines)
    {
        Assert.Equal(ToldStore.From(_model).Sorted, Batches.Told(_engine).Sorted);
        Assert.Equal(lines, Batches.Told(_engine).Lines.Count);
    }
}
