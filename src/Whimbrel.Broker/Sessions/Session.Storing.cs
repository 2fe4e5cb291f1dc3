using System.Runtime.InteropServices;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>
/// What the session keeps in the store, and the packets that wait for it. A packet that says that something is safe (CONNACK, SUBACK,
/// UNSUBACK, PUBACK, PUBREC, PUBREL, PUBCOMP, and a QoS 2 PUBLISH, whose identifier must survive) leaves when the disk has it; everything
/// else leaves at once.
/// </summary>
internal sealed partial class Session
{
    /// <summary>With more packets held back the client is not read: while the disk has no room they could grow without bound.</summary>
    private const int HeldMax = 4096;

    private StoredSession? _stored;
    private HeldPackets? _held;

    /// <summary>Whether the session survives a restart of the broker.</summary>
    public bool IsDurable => _stored is not null;

    private Journal Journal => broker.Journal;

    /// <summary>Everything of this session that was stored so far is on disk once this position is.</summary>
    private long Position => _stored?.Position ?? 0;

    /// <summary>Notes what a later answer of this session has to wait for.</summary>
    private void Remember(long position)
    {
        if (_stored is { } stored)
            stored.Position = Math.Max(stored.Position, position);
    }

    private SessionState StateNow(StoredSession stored) =>
        new(stored.Number, ClientId, _userName, _version, _expirySeconds, Connection is null ? _since : Message.Never);

    /// <summary>A connection has begun: the session, its new will, and the end of the old one, together.</summary>
    private void StoreAttached()
    {
        if (_stored is not { } stored)
            return;
        var changes = new List<StoreChange>(3) { StateNow(stored) };
        AddWillEnded(stored, changes);
        if (_will is { } will)
            changes.Add(new WillState(stored.Number, stored.WillNumber = ++stored.LastWillNumber, will));
        Remember(Journal.Append(CollectionsMarshal.AsSpan(changes)));
    }

    private void StoreDetached()
    {
        if (_stored is not { } stored)
            return;
        var changes = new List<StoreChange>(2) { StateNow(stored) };
        if (_will is null)
            AddWillEnded(stored, changes);
        Remember(Journal.Append(CollectionsMarshal.AsSpan(changes)));
    }

    private static void AddWillEnded(StoredSession stored, List<StoreChange> changes)
    {
        if (stored.WillNumber != 0)
            changes.Add(new WillEnded(stored.Number, stored.WillNumber));
        stored.WillNumber = 0;
    }

    /// <summary>
    /// The session is over: said behind everything that it still hands over, so that a crash in between loses none of that.
    /// <paramref name="waiting"/> is the connection of its successor, which must not be acknowledged before.
    /// </summary>
    private void StoreEnded(Connection? waiting, Subscription[] subscriptions, Turn turn)
    {
        if (_stored is not { } stored)
            return;
        var sequences = new List<long>();
        foreach (InFlight<Delivery> entry in InFlight.InOrder())
        {
            if (entry.Item.Copy is { } copy)
                sequences.Add(copy.Sequence);
        }

        var ended = new SessionEnded(stored, [.. subscriptions.Select(subscription => subscription.FilterText)], [.. _received?.All ?? []], sequences, stored.WillNumber);
        turn.Routes.Enqueue(new Route(null, waiting, 0, Change: ended));
        _stored = null;
    }

    private void StoreSubscription(Subscription subscription, bool isOwedRetained)
    {
        if (_stored is { } stored)
            Remember(Journal.Append(new SubscriptionState(stored.Number, subscription.FilterText, subscription.Terms.Options, subscription.Terms.Identifier, isOwedRetained)));
    }

    /// <summary>CONNACK: sent now, or once the session is on disk; until then the session sends nothing and its client is not read.</summary>
    private void AcceptConnection(ConnectRequest request, bool present, ReadOnlyMemory<byte> authenticationData, StoredSession? replaced, Turn turn)
    {
        ConnAckPacket packet = request.Accepted(present, authenticationData, broker.Options, Journal.IsOn);
        // The end of the session before, which DISCONNECT may have ended, is what tells a client that nothing of it comes back.
        long position = present ? Position : Math.Max(Position, Journal.EndOf(ClientId));
        // Without room what is there stays readable: of a session that is on disk only the news waits.
        bool waits = MustWait(replaced is null ? position : long.MaxValue) && !(present && Journal.IsFull);
        if (!waits)
        {
            Connection!.IsAccepted = true;
            Send(packet, turn);
            return;
        }

        (_held ??= new HeldPackets()).ConnAck = new HeldConnAck(position, replaced, Connection!.Encode(packet));
        Release(turn);
    }

    /// <summary>Whether a packet has to wait for a position, or behind others that do.</summary>
    private bool MustWait(long position) =>
        Link is { AckContract: AckContract.Fsync } && (_held is { Count: > 0 } || position > Journal.Committed);

    /// <summary>Sends an acknowledgement once a position is on disk.</summary>
    private void Answer(PacketType type, ushort packetId, ReasonCode reason, long position, Turn turn)
    {
        if (MustWait(position))
            Hold(new HeldPacket(position, type, packetId, reason), turn);
        else
            SendAnswer(type, packetId, reason, turn);
    }

    /// <summary>Sends SUBACK or UNSUBACK once everything of this session is on disk.</summary>
    private void SendWhenStored<TPacket>(in TPacket packet, Turn turn)
        where TPacket : IPacket, allows ref struct
    {
        if (Connection is { } connection && MustWait(Position))
            Hold(new HeldPacket(Position, Frame: connection.Encode(packet)), turn);
        else
            Send(packet, turn);
    }

    private void Hold(in HeldPacket packet, Turn turn)
    {
        (_held ??= new HeldPackets()).Enqueue(packet);
        if (packet.Position != 0 && !Journal.Await(packet.Position, gate))
            Release(turn);
    }

    /// <summary>Sends what has waited long enough, in order.</summary>
    private void Release(Turn turn)
    {
        if (_held?.ConnAck is { } connAck)
        {
            long end = connAck.Replaced is { } replaced ? Journal.EndOf(replaced) : Journal.BeforeStart;
            // Not in a batch yet: the routes of the turn that ended it do that, or another thread's that hand over what was its.
            if (end == 0 || Journal.Await(Math.Max(connAck.Position, end), gate))
                return;
            _held.ConnAck = null;
            Connection!.IsAccepted = true;
            SendEncoded(connAck.Frame, turn);
            Pump(turn);
        }

        while (Connection is not null && _held is { Count: > 0 } held)
        {
            HeldPacket next = held.Peek();
            if (!IsReleased(next))
                return;
            held.Dequeue();
            if (next.Ack != 0)
                SendAnswer(next.Ack, next.PacketId, next.Reason, turn);
            else if (next.Frame is { } frame)
                SendEncoded(frame, turn);
            else
                ReleasePublish(next, turn);
        }
    }

    private bool IsReleased(in HeldPacket packet)
    {
        long position = packet.Position;
        if (position == 0 && packet.Copy is { IsDone: false } copy)
        {
            // Being routed still: when that is over the journal wakes this session.
            position = Journal.PositionOf(copy);
            if (position == 0)
                return false;
        }

        return !Journal.Await(position, gate);
    }

    private void ReleasePublish(in HeldPacket packet, Turn turn)
    {
        // Unless it was dropped, or acknowledged by a client that cannot know it yet.
        if (InFlight.TryGet(packet.PacketId, out InFlight<Delivery> entry) && entry.State != InFlightState.AwaitingPubComp && ReferenceEquals(entry.Item.Copy, packet.Copy))
            Transmit(entry.Item, packet.PacketId, packet.Copy!.WasSent, turn);
    }

    private void SendAnswer(PacketType type, ushort packetId, ReasonCode reason, Turn turn)
    {
        bool isFinal = type is PacketType.PubAck or PacketType.PubComp
            || (type == PacketType.PubRec && ReasonCodes.IsError(reason) && _version == ProtocolVersion.Mqtt50);
        if (isFinal)
            _quota.GiveBack();
        Send(new AckPacket { Type = type, PacketId = packetId, Reason = reason }, turn);
    }

    private void SendEncoded(byte[] frame, Turn turn)
    {
        if (Connection is { } connection && !connection.TrySendEncoded(frame, turn))
            Close(CloseCause.AnswerTooLarge, turn);
    }
}
