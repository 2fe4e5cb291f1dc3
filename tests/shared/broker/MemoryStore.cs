using Whimbrel.Broker;

namespace Whimbrel.Tests;

/// <summary>A store whose disk is a few dictionaries: written by batches, read back by the next broker.</summary>
internal sealed class MemoryStore : DurableStore
{
    private readonly Dictionary<long, SessionState> _sessions = [];
    private readonly Dictionary<(long Session, string Filter), SubscriptionState> _subscriptions = [];
    private readonly Dictionary<(long Session, long Number), WillState> _wills = [];
    private readonly Dictionary<long, StoreBatch.AcknowledgedState> _acknowledged = [];
    private readonly HashSet<StoreBatch.ReceivedKey> _received = [];
    private readonly Dictionary<StoreBatch.SentKey, ushort> _sent = [];
    private readonly SortedDictionary<long, (Message Message, List<RecoveredCopy> Copies)> _messages = [];
    private readonly Dictionary<string, Message> _retained = [];
    private long _lastMessageId;
    private long _lastSessionNumber;

    public override string Location => "memory";

    /// <summary>What the next write fails with, or null.</summary>
    public StoreException? Failure { get; set; }

    public int Writes { get; private set; }

    public int MessageCount => _messages.Count;

    public int SessionCount => _sessions.Count;

    public int RetainedCount => _retained.Count;

    /// <summary>Records of any kind.</summary>
    public int Count => _sessions.Count + _subscriptions.Count + _wills.Count + _acknowledged.Count + _received.Count + _sent.Count + _messages.Count + _retained.Count;

    /// <summary>Message records that were written, also those that are gone.</summary>
    public int MessagesWritten { get; private set; }

    internal override bool HasRoom => Failure is null;

    internal override void Recover(IRecoveryVisitor visitor)
    {
        visitor.Numbers(_lastMessageId, _lastSessionNumber);
        foreach (SessionState session in _sessions.Values.OrderBy(session => session.Session))
        {
            visitor.Session(session);
            foreach (SubscriptionState subscription in _subscriptions.Values.Where(s => s.Session == session.Session))
                visitor.Subscription(subscription);
            foreach (WillState will in _wills.Values.Where(w => w.Session == session.Session).OrderBy(w => w.Number))
                visitor.Will(will);
            if (_acknowledged.TryGetValue(session.Session, out StoreBatch.AcknowledgedState acknowledged))
                visitor.Acknowledged(session.Session, acknowledged.Floor, acknowledged.Runs);
            foreach (StoreBatch.ReceivedKey received in _received.Where(r => r.Session == session.Session))
                visitor.Received(session.Session, received.PacketId);
            foreach ((StoreBatch.SentKey key, ushort packetId) in _sent.Where(s => s.Key.Session == session.Session))
                visitor.Sent(session.Session, key.Sequence, packetId);
        }

        foreach ((long id, (Message message, List<RecoveredCopy> copies)) in _messages)
            visitor.Message(id, message, copies);
        foreach (Message message in _retained.Values)
            visitor.Retained(message);
    }

    internal override void Write(StoreBatch batch)
    {
        if (Failure is { } failure)
            throw failure;
        Writes++;
        _lastMessageId = batch.LastMessageId;
        _lastSessionNumber = batch.LastSessionNumber;
        foreach (StoredMessage message in batch.Messages)
        {
            MessagesWritten++;
            _messages.Add(message.Id, (message.Message, [.. message.Copies.ToArray().Select(copy => Recovered(copy, isAdded: false))]));
        }

        foreach (StoredCopy copy in batch.AddedCopies)
            _messages[copy.Message.Id].Copies.Add(Recovered(copy, isAdded: true));
        foreach (StoredMessage message in batch.RemovedMessages)
            Assert.True(_messages.Remove(message.Id), "a message was removed that was not there");
        foreach ((StoreBatch.SentKey key, ushort packetId) in batch.Sent)
            _sent[key] = packetId;
        foreach (StoreBatch.SentKey key in batch.Completed)
            _sent.Remove(key);
        foreach ((StoreBatch.ReceivedKey key, bool isHeld) in batch.Received)
            _ = isHeld ? _received.Add(key) : _received.Remove(key);
        foreach ((byte[] topic, Message? message) in batch.Retained)
            Retain(System.Text.Encoding.UTF8.GetString(topic), message);
        foreach (StoreBatch.AcknowledgedState acknowledged in batch.Acknowledged)
            _acknowledged[acknowledged.Session] = acknowledged;
        foreach (StoreChange change in batch.Changes)
            Apply(change);
    }

    protected override void Dispose(bool disposing)
    {
    }

    private static RecoveredCopy Recovered(StoredCopy copy, bool isAdded) =>
        new(copy.Session.Number, copy.Sequence, copy.QoS, copy.Retain, copy.SubscriptionIds, copy.Group, isAdded);

    private void Retain(string topic, Message? message)
    {
        if (message is null)
            _retained.Remove(topic);
        else
            _retained[topic] = message.Value;
    }

    private void Apply(StoreChange change)
    {
        switch (change)
        {
            case SessionState session:
                _sessions[session.Session] = session;
                break;
            case SubscriptionState subscription:
                _subscriptions[(subscription.Session, subscription.Filter)] = subscription;
                break;
            case SubscriptionEnded(long session, string filter):
                _subscriptions.Remove((session, filter));
                break;
            case WillState will:
                _wills[(will.Session, will.Number)] = will;
                break;
            case WillEnded(long session, long number):
                _wills.Remove((session, number));
                break;
            case SessionEnded ended:
                End(ended);
                break;
            default:
                throw new InvalidOperationException($"{change.GetType().Name} does not belong into a batch");
        }
    }

    private void End(SessionEnded ended)
    {
        long number = ended.Session.Number;
        _sessions.Remove(number);
        _acknowledged.Remove(number);
        _wills.Remove((number, ended.WillNumber));
        foreach (string filter in ended.Filters)
            _subscriptions.Remove((number, filter));
        foreach (ushort packetId in ended.ReceivedPacketIds)
            _received.Remove(new StoreBatch.ReceivedKey(number, packetId));
        foreach (long sequence in ended.SentSequences)
            _sent.Remove(new StoreBatch.SentKey(number, sequence));
    }
}
