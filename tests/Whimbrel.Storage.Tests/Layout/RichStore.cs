using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage.Tests;

/// <summary>A store that holds a record of every kind, with everything that a record can have.</summary>
internal static class RichStore
{
    public static MemoryEngine Make()
    {
        var engine = new MemoryEngine();
        LayoutStore store = Batches.Opened(engine);
        var message = new Message("a/b"u8, "payload"u8, QoS.ExactlyOnce, retain: true, [1, 1], 1_790_000_000_000, "pub");
        StoredMessage plain = Batches.Queued(300, Batches.Message("t", "p"), (1, 1));
        var rich = new StoredMessage(message) { Id = 301 };
        rich.AddCopy(new StoredCopy(rich, Batches.Stored(2), 200, new Delivery(message, QoS.ExactlyOnce, true, [1, 70_000], new SharedGroup("$share/g/a/#"))));
        rich.AddCopy(new StoredCopy(rich, Batches.Stored(1), 2, new Delivery(message, QoS.AtLeastOnce, false)));
        StoreBatch batch = new StoreBatch { LastMessageId = 301, LastSessionNumber = 2 }.With(plain, rich);
        batch.AddedCopies.Add(new StoredCopy(plain, Batches.Stored(2), 201, new Delivery(plain.Message, QoS.AtLeastOnce, false, [5], new SharedGroup("$share/g/#"))));
        batch.Changes.AddRange(
        [
            new SessionState(1, "one", null, ProtocolVersion.Mqtt311, 300, Message.Never),
            new SessionState(2, "two", "user", ProtocolVersion.Mqtt50, uint.MaxValue, 1_790_000_000_000),
            new SubscriptionState(1, "a/+", new SubscriptionOptions(QoS.ExactlyOnce, true, true, RetainHandling.SendIfNew), 268_435_455, true),
            new WillState(1, 3, new Will("w"u8.ToArray(), "gone"u8.ToArray(), new byte[] { 1, 0 }, QoS.ExactlyOnce, true, 77, 60)),
        ]);
        batch.Acknowledged.Add(new StoreBatch.AcknowledgedState(1, 5, [new(7, 7), new(9, 300)]));
        batch.Received.Add(new StoreBatch.ReceivedKey(1, 0x1234), true);
        batch.Sent.Add(new StoreBatch.SentKey(1, 258), 0x5678);
        batch.Retained.Add("a/b"u8.ToArray(), message);
        batch.Retained.Add("c"u8.ToArray(), Batches.Message("c", "", QoS.AtMostOnce));
        engine.Failure = new StoreException(StoreFailure.Full, "no space");
        Assert.Throws<StoreException>(() => store.Write(batch));
        engine.Failure = null;
        store.Write(batch);
        return engine;
    }
}
