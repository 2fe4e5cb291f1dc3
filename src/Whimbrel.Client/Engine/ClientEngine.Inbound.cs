using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>What became of an acknowledgement.</summary>
internal enum AckOutcome
{
    Accepted,

    /// <summary>The connection that brought the message is gone; the server sends it again or has forgotten it.</summary>
    Stale,
}

/// <summary>Received messages of QoS 1 and 2 and their acknowledgements.</summary>
internal sealed partial class ClientEngine
{
    /// <summary>How long, from the first connection on, what the session kept waits for its subscribers of this process.</summary>
    private const int ClaimMilliseconds = 30_000;

    private const int TokenShift = 17;
    private const long QoS2Bit = 1 << 16;

    private readonly AckOrder _acks = new();
    private bool _mayClaim = true;
    private long? _claimsEnd;

    // QoS 2 messages that handlers have not finished. They survive the connection, so that a repetition is not handled twice.
    private readonly Dictionary<ushort, Unfinished> _unfinished = [];
    private readonly List<Unclaimed> _unclaimed = [];

    /// <summary>Messages that have come and are not acknowledged.</summary>
    public int UnacknowledgedCount => _acks.Count;

    /// <summary>
    /// One recipient is done with a message. When all are, the acknowledgement leaves, after those of what came before. A failure goes to the
    /// server as a reason code in 5.0.
    /// </summary>
    public AckOutcome Acknowledge(long token, ReasonCode reason)
    {
        long number = token >> TokenShift;
        ushort id = (ushort)token;
        if ((token & QoS2Bit) != 0)
            return FinishQoS2(id, token, reason);
        if (!_acks.Holds(number))
            return AckOutcome.Stale;
        ref AckOrder.Entry entry = ref _acks[number];
        if (ReasonCodes.IsError(reason))
            entry.Reason = reason;
        if (--entry.Owing <= 0)
            entry.IsDone = true;
        FlushAcks();
        return AckOutcome.Accepted;
    }

    /// <summary>Whether the message's connection still stands, so that an acknowledgement would leave.</summary>
    public bool IsCurrent(long token) =>
        _acks.Holds(token >> TokenShift) || ((token & QoS2Bit) != 0 && _unfinished.TryGetValue((ushort)token, out Unfinished? open) && open.Token == token);

    private bool OnReliable(in Frame frame, in PublishPacket packet, ref TopicStrings.Entry topic, out Violation violation)
    {
        violation = default;
        if (_acks.Count >= _connect.ReceiveMaximum && Version == ProtocolVersion.Mqtt50)
        {
            violation = new Violation(ReasonCode.ReceiveMaximumExceeded, "more messages than the announced maximum");
            return false;
        }

        bool isQoS2 = packet.QoS == QoS.ExactlyOnce;
        var entry = new AckOrder.Entry { PacketId = packet.PacketId, IsQoS2 = isQoS2 };
        if (isQoS2 && (_received.Contains(packet.PacketId) || _unfinished.ContainsKey(packet.PacketId)))
        {
            // A repetition [MQTT-4.3.3-10]: answered when the first copy's handler has finished.
            bool isFinished = !_unfinished.TryGetValue(packet.PacketId, out Unfinished? open);
            if (open is not null && _acks.Holds(open.Number) && _acks[open.Number].PacketId == packet.PacketId)
                return true; // Of one connection, from a server that lost patience: one answer is enough.
            entry.IsDone = isFinished;
            entry.Position = 0;
            long at = _acks.Add(entry);
            if (open is not null)
                open.Number = at;
            FlushAcks();
            return true;
        }

        long number = _acks.Add(entry);
        long token = (number << TokenShift) | (isQoS2 ? QoS2Bit : 0) | packet.PacketId;
        Unfinished? unfinished = null;
        if (isQoS2)
            _unfinished[packet.PacketId] = unfinished = new Unfinished { Token = token, Number = number };
        int owing;
        if (!Deliver(packet, ref topic, token, out owing))
        {
            if (_options.HasLastingSession && _mayClaim)
            {
                // Its subscriber of the process before may be about to subscribe again.
                owing = 1;
                _unclaimed.Add(new Unclaimed(frame.Flags, frame.Body.ToArray(), topic.Text, token));
            }
            else
            {
                _host.Notice(EngineNotice.NobodyWants, topic.Text);
            }
        }

        if (unfinished is not null)
            unfinished.Owing = owing;
        else
            _acks[number].Owing = owing;
        if (owing == 0)
            Acknowledge(token, ReasonCode.Success);
        return true;
    }

    private AckOutcome FinishQoS2(ushort id, long token, ReasonCode reason)
    {
        if (!_unfinished.TryGetValue(id, out Unfinished? open) || open.Token != token)
            return AckOutcome.Stale;
        if (ReasonCodes.IsError(reason))
            open.Reason = reason;
        if (--open.Owing > 0)
            return AckOutcome.Accepted;
        _unfinished.Remove(id);
        long position = 0;
        if (!ReasonCodes.IsError(open.Reason) || Version != Protocol.ProtocolVersion.Mqtt50)
        {
            _received.Add(id);
            Change(new MqttOutboxChange(MqttOutboxChangeKind.Received, 0, id, default));
            position = _options.IsDurable ? _openPosition : 0;
        }

        if (!_acks.Holds(open.Number) || _acks[open.Number].PacketId != id)
            return AckOutcome.Stale;
        ref AckOrder.Entry entry = ref _acks[open.Number];
        entry.IsDone = true;
        entry.Reason = open.Reason;
        entry.Position = position;
        FlushAcks();
        return AckOutcome.Accepted;
    }

    private void OnPubRel(ushort id)
    {
        bool isKnown = _received.Release(id);
        _unfinished.Remove(id);
        ReasonCode reason = isKnown || Version != ProtocolVersion.Mqtt50 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
        if (isKnown && _options.IsDurable)
        {
            // Were the identifier forgotten later than the server knows, the next message with it would be taken for this one.
            Change(new MqttOutboxChange(MqttOutboxChangeKind.Forget, 0, id, default));
            _held.Enqueue(new HeldPacket(PacketType.PubComp, id, reason, _openPosition));
            return;
        }

        WriteAck(PacketType.PubComp, id, reason);
    }

    private void FlushAcks()
    {
        while (_acks.Count > 0)
        {
            ref AckOrder.Entry head = ref _acks.Head;
            if (!head.IsDone || head.Position > _committed)
                return;
            WriteAck(head.IsQoS2 ? PacketType.PubRec : PacketType.PubAck, head.PacketId, head.Reason);
            _acks.RemoveHead();
        }
    }

    private void WriteAck(PacketType type, ushort id, ReasonCode reason)
    {
        if (reason == ReasonCode.Success || Version != ProtocolVersion.Mqtt50)
        {
            Span<byte> bytes = Output.Reserve(4);
            bytes[0] = (byte)(((int)type << 4) | (type == PacketType.PubRel ? 2 : 0));
            bytes[1] = 2;
            bytes[2] = (byte)(id >> 8);
            bytes[3] = (byte)id;
            Output.Advance(4);
            return;
        }

        Output.Write(new AckPacket { Type = type, PacketId = id, Reason = reason }, Version);
    }

    /// <summary>Hands what came before its subscriber to that subscriber.</summary>
    private void Claim(BrokerSubscription subscription, ISubscriber subscriber)
    {
        for (int i = 0; i < _unclaimed.Count; i++)
        {
            Unclaimed held = _unclaimed[i];
            var frame = new Frame(PacketType.Publish, held.Flags, held.Body, 0);
            if (!PublishPacket.TryParse(frame, Version, out PublishPacket packet, out _)
                || (!subscriber.TakesUnclaimed && !TopicFilter.Matches(subscription.Pattern, System.Text.Encoding.UTF8.GetBytes(held.Topic))))
                continue;
            _unclaimed.RemoveAt(i--);
            if (subscriber.IsRaw)
            {
                subscriber.Raw(packet, held.Topic);
                Acknowledge(held.Token, ReasonCode.Success);
                continue;
            }

            subscriber.Offer(packet, held.Topic, held.Token);
        }
    }

    /// <summary>Nobody else will come for what was kept from before: it is acknowledged, so that the window opens, and said to be lost.</summary>
    private void EndClaims()
    {
        _mayClaim = false;
        foreach (Unclaimed held in _unclaimed.ToArray())
        {
            _host.Notice(EngineNotice.NobodyWants, held.Topic);
            Acknowledge(held.Token, ReasonCode.Success);
        }

        _unclaimed.Clear();
    }

    private sealed class Unfinished
    {
        public long Token;

        /// <summary>Where its acknowledgement stands in the order of the connection that brought it last.</summary>
        public long Number;
        public int Owing;
        public ReasonCode Reason;
    }

    private sealed record Unclaimed(byte Flags, byte[] Body, string Topic, long Token);
}
