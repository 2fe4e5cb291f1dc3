using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>Turns what the broker wants stored into keys and values.</summary>
internal sealed class BatchEncoder(EngineBatch output)
{
    private readonly RecordKey _key = new();
    private readonly RecordWriter _value = new();

    /// <summary>Writes those of the store's own records that differ from what is on disk.</summary>
    public void Encode(in StoreMarks marks, in StoreMarks written)
    {
        if (!written.HasFormat)
            output.Put(Family.State, _key.Own(OwnKind.Format), [StoreMarks.Format]);
        if ((marks.LastMessageId, marks.LastSessionNumber) != (written.LastMessageId, written.LastSessionNumber))
        {
            _value.Clear();
            _value.Number(marks.LastMessageId);
            _value.Number(marks.LastSessionNumber);
            Put(_key.Own(OwnKind.Numbers));
        }

        if (marks.Tainted != written.Tainted)
        {
            _value.Clear();
            _value.Number(marks.Tainted);
            Put(_key.Own(OwnKind.Tainted));
        }
    }

    /// <param name="batch">What is to be stored.</param>
    /// <param name="tainted">Messages up to here are removed the safe way.</param>
    public void Encode(StoreBatch batch, long tainted)
    {
        foreach (StoredMessage message in batch.Messages)
        {
            _value.Clear();
            MessageRecord.WriteQueued(_value, message);
            output.Put(Family.Messages, _key.Message(message.Id), _value.Written);
        }

        foreach (StoredCopy copy in batch.AddedCopies)
        {
            _value.Clear();
            MessageRecord.WriteCopy(_value, copy);
            output.Put(Family.Messages, _key.AddedCopy(copy.Message.Id, copy.Session.Number, copy.Sequence), _value.Written);
        }

        // Behind the added copies: what was added and is needed no more goes with its message.
        foreach (StoredMessage message in batch.RemovedMessages)
            Remove(message, tainted);
        Encode(batch.Sent, batch.Completed);
        foreach ((StoreBatch.ReceivedKey received, bool isHeld) in batch.Received)
        {
            if (isHeld)
                output.Put(Family.State, _key.Received(received.Session, received.PacketId), []);
            else
                output.Delete(Family.State, _key.Received(received.Session, received.PacketId));
        }

        foreach ((byte[] topic, Message? message) in batch.Retained)
            Encode(topic, message);
        foreach (StoreBatch.AcknowledgedState acknowledged in batch.Acknowledged)
        {
            _value.Clear();
            SessionRecord.Write(_value, acknowledged);
            Put(_key.State(acknowledged.Session, StateKind.Acknowledged));
        }

        foreach (StoreChange change in batch.Changes)
            Encode(change);
    }

    private void Remove(StoredMessage message, long tainted)
    {
        if (message.Id > tainted)
            output.DeleteOnce(Family.Messages, _key.Message(message.Id));
        else
            output.Delete(Family.Messages, _key.Message(message.Id));
        foreach (StoreBatch.SentKey added in message.Added ?? [])
            output.Delete(Family.Messages, _key.AddedCopy(message.Id, added.Session, added.Sequence));
    }

    private void Encode(Dictionary<StoreBatch.SentKey, ushort> sent, List<StoreBatch.SentKey> completed)
    {
        foreach ((StoreBatch.SentKey copy, ushort packetId) in sent)
        {
            _value.Clear();
            SessionRecord.WriteSent(_value, packetId);
            Put(_key.State(copy.Session, StateKind.Sent, copy.Sequence));
        }

        foreach (StoreBatch.SentKey copy in completed)
            output.Delete(Family.State, _key.State(copy.Session, StateKind.Sent, copy.Sequence));
    }

    private void Encode(byte[] topic, Message? message)
    {
        if (message is null)
        {
            output.Delete(Family.Retained, topic);
            return;
        }

        _value.Clear();
        MessageRecord.WriteRetained(_value, message.Value);
        output.Put(Family.Retained, topic, _value.Written);
    }

    private void Encode(StoreChange change)
    {
        _value.Clear();
        switch (change)
        {
            case SessionState session:
                SessionRecord.Write(_value, session);
                Put(_key.State(session.Session, StateKind.Session));
                break;
            case SubscriptionState subscription:
                SessionRecord.Write(_value, subscription);
                Put(_key.Subscription(subscription.Session, subscription.Filter));
                break;
            case SubscriptionEnded(long session, string filter):
                output.Delete(Family.State, _key.Subscription(session, filter));
                break;
            case WillState(long session, long number, Will will):
                SessionRecord.Write(_value, will);
                Put(_key.State(session, StateKind.Will, number));
                break;
            case WillEnded(long session, long number):
                output.Delete(Family.State, _key.State(session, StateKind.Will, number));
                break;
            case SessionEnded ended:
                Remove(ended);
                break;
            default:
                throw new InvalidOperationException($"{change.GetType().Name} does not belong into a batch");
        }
    }

    private void Remove(SessionEnded ended)
    {
        long session = ended.Session.Number;
        output.Delete(Family.State, _key.State(session, StateKind.Session));
        foreach (string filter in ended.Filters)
            output.Delete(Family.State, _key.Subscription(session, filter));
        if (ended.WillNumber != 0)
            output.Delete(Family.State, _key.State(session, StateKind.Will, ended.WillNumber));
        output.Delete(Family.State, _key.State(session, StateKind.Acknowledged));
        foreach (ushort packetId in ended.ReceivedPacketIds)
            output.Delete(Family.State, _key.Received(session, packetId));
        foreach (long sequence in ended.SentSequences)
            output.Delete(Family.State, _key.State(session, StateKind.Sent, sequence));
    }

    private void Put(ReadOnlySpan<byte> key) => output.Put(Family.State, key, _value.Written);
}
