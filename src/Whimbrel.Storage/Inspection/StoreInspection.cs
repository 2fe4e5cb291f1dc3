using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage;

/// <summary>
/// What a store holds, as people want to see it: read the way the broker reads it at its start, so that what passes here passes there.
/// Payloads are not kept.
/// </summary>
internal sealed class StoreInspection : IRecoveryVisitor
{
    private readonly Dictionary<long, InspectedSession> _sessions = [];
    private readonly Dictionary<string, InspectedSession> _owners = new(StringComparer.Ordinal);
    private readonly List<InspectedMessage> _queued = [];
    private readonly List<InspectedMessage> _retained = [];
    private InspectedSession _last = null!;

    /// <summary>In the order in which they began.</summary>
    public IReadOnlyCollection<InspectedSession> Sessions => _sessions.Values;

    /// <summary>In the order of their publication. Those that nobody is owed any more are left out.</summary>
    public IReadOnlyList<InspectedMessage> Queued => _queued;

    public IReadOnlyList<InspectedMessage> Retained => _retained;

    /// <summary>What the messages count, each once however many sessions are owed it.</summary>
    public long QueuedBytes { get; private set; }

    public long RetainedBytes { get; private set; }

    /// <exception cref="StoreException">The store cannot be read, or is damaged.</exception>
    public static StoreInspection Read(DurableStore store)
    {
        var inspection = new StoreInspection();
        store.Recover(inspection);
        foreach (InspectedSession session in inspection._sessions.Values)
            session.Releasing = session.Sent.Count - session.InFlight;
        return inspection;
    }

    void IRecoveryVisitor.Numbers(long lastMessageId, long lastSessionNumber)
    {
    }

    void IRecoveryVisitor.Session(SessionState session)
    {
        _last = new InspectedSession
        {
            Number = session.Session,
            ClientId = session.ClientId,
            UserName = session.UserName,
            Version = session.Version,
            ExpirySeconds = session.ExpirySeconds,
            DisconnectedAt = session.DisconnectedAt == Message.Never ? null : session.DisconnectedAt,
        };
        _sessions.Add(session.Session, _last);
        if (_owners.TryGetValue(session.ClientId, out InspectedSession? older))
            older.IsSuperseded = true;
        _owners[session.ClientId] = _last;
    }

    void IRecoveryVisitor.Subscription(SubscriptionState subscription) =>
        _last.Subscriptions.Add(new InspectedSubscription(subscription.Filter, subscription.Options, subscription.Identifier));

    void IRecoveryVisitor.Will(WillState will)
    {
        Will left = will.Will;
        _last.Will = new InspectedWill(
            Encoding.UTF8.GetString(left.Topic), left.QoS, left.Retain, left.Topic.Length + left.Properties.Length + left.Payload.Length, left.DelaySeconds);
    }

    void IRecoveryVisitor.Acknowledged(long session, long floor, IReadOnlyList<AcknowledgedRuns.Run> runs) =>
        _last.Acknowledged = new AcknowledgedRuns(floor, runs);

    void IRecoveryVisitor.Received(long session, ushort packetId) => _last.Received++;

    void IRecoveryVisitor.Sent(long session, long sequence, ushort packetId) => _last.Sent.Add(sequence, packetId);

    void IRecoveryVisitor.Message(long id, Message message, IReadOnlyList<RecoveredCopy> copies)
    {
        int size = SizeOf(message);
        var receivers = new List<InspectedCopy>(copies.Count);
        foreach (RecoveredCopy copy in copies)
        {
            if (!_sessions.TryGetValue(copy.Session, out InspectedSession? session) || session.Acknowledged.Contains(copy.Sequence))
                continue;
            session.QueuedMessages++;
            session.QueuedBytes += size;
            session.InFlight += session.Sent.TryGetValue(copy.Sequence, out ushort packetId) ? 1 : 0;
            receivers.Add(new InspectedCopy(session.ClientId, copy.Sequence, copy.QoS, packetId));
        }

        if (receivers.Count == 0)
            return;
        QueuedBytes += size;
        _queued.Add(Inspected(id, message, size, receivers));
    }

    void IRecoveryVisitor.Retained(Message message)
    {
        int size = SizeOf(message);
        RetainedBytes += size;
        _retained.Add(Inspected(0, message, size, []));
    }

    private static int SizeOf(Message message) => message.Topic.Length + message.Properties.Length + message.Payload.Length;

    private static InspectedMessage Inspected(long id, Message message, int size, IReadOnlyList<InspectedCopy> receivers) => new(
        id,
        Encoding.UTF8.GetString(message.Topic),
        message.QoS,
        size,
        message.ExpiresAt == Message.Never ? null : message.ExpiresAt,
        message.Publisher,
        receivers);
}
