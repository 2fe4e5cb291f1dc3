using System.Text;
using Whimbrel.Broker;

namespace Whimbrel.Storage.Tests;

/// <summary>Writes down, line by line, what a store tells, and that it tells it in the order that was promised.</summary>
internal sealed class ToldStore : IRecoveryVisitor
{
    private long _session;
    private long _message;
    private int _stage;

    public (long MessageId, long Session) LastNumbers { get; private set; }

    public List<string> Lines { get; } = [];

    /// <summary>Everything in an order that does not depend on the store's, apart from the numbers.</summary>
    public List<string> Sorted => [.. Lines.Order(StringComparer.Ordinal)];

    public static ToldStore From(DurableStore store)
    {
        var told = new ToldStore();
        store.Recover(told);
        return told;
    }

    public void Numbers(long lastMessageId, long lastSessionNumber)
    {
        Enter(1);
        LastNumbers = (lastMessageId, lastSessionNumber);
    }

    public void Session(SessionState session)
    {
        Enter(2);
        Assert.True(session.Session > _session, "sessions come in the order of their numbers");
        _session = session.Session;
        Lines.Add($"{session}");
    }

    public void Subscription(SubscriptionState subscription) => Add(subscription.Session, $"{subscription}");

    public void Will(WillState will)
    {
        Will w = will.Will;
        Add(will.Session, $"will {will.Session} {will.Number} {Text(w.Topic)} {Hex(w.Payload.Span)} {Hex(w.Properties.Span)} {w.QoS} {w.Retain} {w.DelaySeconds} {w.ExpirySeconds}");
    }

    public void Acknowledged(long session, long floor, IReadOnlyList<AcknowledgedRuns.Run> runs) =>
        Add(session, $"acknowledged {session} {floor} {string.Join(' ', runs)}");

    public void Received(long session, ushort packetId) => Add(session, $"received {session} {packetId}");

    public void Sent(long session, long sequence, ushort packetId) => Add(session, $"sent {session} {sequence} {packetId}");

    public void Message(long id, Message message, IReadOnlyList<RecoveredCopy> copies)
    {
        Enter(3);
        Assert.True(id > _message, "messages come in the order of their identifiers");
        _message = id;
        IEnumerable<string> described = copies.OrderBy(copy => (copy.Session, copy.Sequence)).Select(Describe);
        Lines.Add($"message {id} {Describe(message)}: {string.Join("; ", described)}");
    }

    public void Retained(Message message)
    {
        Enter(4);
        Lines.Add($"retained {Describe(message)}");
    }

    private static string Describe(RecoveredCopy copy) =>
        $"{copy.Session} {copy.Sequence} {copy.QoS} {copy.Retain} [{string.Join(',', copy.SubscriptionIds ?? [])}] {copy.Group} {(copy.IsAdded ? "added" : "")}";

    private static string Describe(Message message) =>
        $"{Text(message.Topic)} {Hex(message.Payload.Span)} {Hex(message.Properties)} {message.QoS} {message.Retain} {message.ExpiresAt} {message.Publisher ?? "nobody"}";

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);

    private void Add(long session, string line)
    {
        Assert.Equal((2, _session), (_stage, session));
        Lines.Add(line);
    }

    private void Enter(int stage)
    {
        Assert.True(stage >= _stage, "numbers, sessions, messages, retained messages: in this order");
        _stage = stage;
    }
}
