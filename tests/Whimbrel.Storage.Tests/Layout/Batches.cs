using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage.Tests;

/// <summary>What tests put into batches.</summary>
internal static class Batches
{
    /// <summary>A batch whose numbers are those of its content.</summary>
    public static StoreBatch Of(params StoreChange[] changes)
    {
        var batch = new StoreBatch { LastSessionNumber = 9, LastMessageId = 99 };
        batch.Changes.AddRange(changes);
        return batch;
    }

    public static StoreBatch With(this StoreBatch batch, params StoredMessage[] messages)
    {
        batch.Messages.AddRange(messages);
        return batch;
    }

    public static SessionState Session(long number, string clientId = "c") =>
        new(number, clientId, null, ProtocolVersion.Mqtt50, 3600, Broker.Message.Never);

    /// <summary>The gate of a session that nobody enters.</summary>
    public static SessionGate Gate(string clientId) => new(clientId, new MessageBroker(new BrokerOptions(), new BrokerPorts { NewClientId = () => clientId }, 0));

    public static StoredSession Stored(long number) => new(number, null!, new AcknowledgedRuns());

    public static Message Message(string topic, string payload, QoS qos = QoS.AtLeastOnce) =>
        new(Encoding.UTF8.GetBytes(topic), Encoding.UTF8.GetBytes(payload), qos);

    public static StoredMessage Queued(long id, Message message, params (long Session, long Sequence)[] copies)
    {
        var stored = new StoredMessage(message) { Id = id };
        foreach ((long session, long sequence) in copies)
            stored.AddCopy(new StoredCopy(stored, Stored(session), sequence, new Delivery(message, message.QoS, retain: false)));
        return stored;
    }

    public static SubscriptionState Subscription(long session, string filter) =>
        new(session, filter, new SubscriptionOptions(QoS.AtLeastOnce), 0, IsOwedRetained: false);

    public static WillState Will(long session, long number, string topic = "w") =>
        new(session, number, new Will(Encoding.UTF8.GetBytes(topic), "gone"u8.ToArray(), default, QoS.AtLeastOnce, Retain: false, 0, null));

    /// <summary>A store over an engine, ready to be written.</summary>
    public static LayoutStore Opened(IEngine engine)
    {
        var store = new LayoutStore(engine, "memory");
        store.Recover(new ToldStore());
        return store;
    }

    /// <summary>What another start would find.</summary>
    public static ToldStore Told(IEngine engine) => ToldStore.From(new LayoutStore(engine, "memory"));
}
