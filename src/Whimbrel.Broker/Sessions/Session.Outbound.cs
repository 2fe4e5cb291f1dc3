using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>Deliveries to the client.</summary>
internal sealed partial class Session
{
    /// <summary>Topics shorter than this are sent as they are: an alias would not make the packet smaller.</summary>
    private const int AliasedTopicMin = 4;

    /// <summary>How often a turn looks for retained messages of one session.</summary>
    private const int ReplayLooksMax = 2;

    /// <summary>Bytes of queued and retained messages that a session sends in one turn; then others get theirs (docs/design/0014).</summary>
    private const int TurnBytesMax = 32 * 1024;

    /// <summary>
    /// A message matched these subscriptions of the session; one copy is delivered with the highest QoS among them and all their
    /// identifiers [MQTT-3.3.4-2, MQTT-3.3.4-4].
    /// </summary>
    /// <returns>False when none of them wants it.</returns>
    public bool Deliver(Message message, ReadOnlySpan<Subscription> matched, Turn turn)
    {
        bool wanted = false;
        bool covered = false;
        bool retain = false;
        QoS qos = QoS.AtMostOnce;
        int identifiers = 0;
        foreach (Subscription subscription in matched)
        {
            SubscriptionTerms terms = subscription.Terms;
            if (!Wants(subscription, terms, message, out bool replayed))
            {
                covered |= replayed;
                continue;
            }

            wanted = true;
            retain |= terms.Options.RetainAsPublished;
            qos = terms.Options.QoS > qos ? terms.Options.QoS : qos;
            identifiers += terms.Identifier != 0 ? 1 : 0;
        }

        if (wanted)
        {
            uint[]? ids = identifiers == 0 ? null : IdentifiersOf(message, matched, identifiers);
            Take(new Delivery(message, message.QoS < qos ? message.QoS : qos, message.Retain && retain, ids), turn);
        }

        return wanted || covered;
    }

    /// <summary>A shared subscription chose this session.</summary>
    public void DeliverShared(Message message, Subscription member, SharedGroup group, Turn turn)
    {
        SubscriptionTerms terms = member.Terms;
        QoS qos = message.QoS < terms.Options.QoS ? message.QoS : terms.Options.QoS;
        Take(new Delivery(message, qos, message.Retain && terms.Options.RetainAsPublished, terms.Identifier == 0 ? null : [terms.Identifier], group), turn);
    }

    /// <summary>
    /// Whether a subscription is to have a live copy: not when it has just ended, not of the client's own message under No Local [MQTT-3.8.3-3], and not when its
    /// replay of retained messages serves it (<paramref name="replayed"/>).
    /// </summary>
    private bool Wants(Subscription subscription, SubscriptionTerms terms, Message message, out bool replayed)
    {
        bool own = terms.Options.NoLocal && message.IsFrom(ClientId);
        replayed = !own && !subscription.IsRemoved && message.RetainedUpdate != 0 && message.RetainedUpdate <= terms.ReplayedThrough;
        return !own && !replayed && !subscription.IsRemoved;
    }

    private uint[] IdentifiersOf(Message message, ReadOnlySpan<Subscription> matched, int count)
    {
        var ids = new uint[count];
        int next = 0;
        foreach (Subscription subscription in matched)
        {
            SubscriptionTerms terms = subscription.Terms;
            if (terms.Identifier != 0 && Wants(subscription, terms, message, out _))
                ids[next++] = terms.Identifier;
        }

        return ids;
    }

    /// <summary>Sends a delivery now, queues it, or drops it with a name.</summary>
    private void Take(in Delivery delivery, Turn turn)
    {
        Delivery permitted = delivery;
        switch (AuthorizeReceive(delivery, out Pending<Verdict>? permission))
        {
            case Verdict.Denied:
                turn.Dropped(DropReason.ReceiveNotAuthorized, ClientId, delivery.Message);
                return;
            case Verdict.Pending:
                permitted = delivery.With(permission);
                break;
            default:
                break;
        }

        if (delivery.QoS != QoS.AtMostOnce && _stored is { } stored)
            permitted = permitted.With(turn.Keep(stored, delivery));
        if (_held is { ConnAck: not null })
        {
            _outbox.TryEnqueue(permitted, ClientId, turn);
            return;
        }

        if (Link is not { } link)
        {
            if (delivery.QoS == QoS.AtMostOnce && !broker.Options.QueueQoS0Offline)
                turn.Dropped(DropReason.Offline, ClientId, delivery.Message);
            else
                _outbox.TryEnqueue(permitted, ClientId, turn);
            return;
        }

        if (permitted.Permission is not null)
        {
            _outbox.TryEnqueue(permitted, ClientId, turn);
        }
        else if (delivery.QoS == QoS.AtMostOnce)
        {
            if (_outbox.HasQoS0 || _held is { Publishes: > 0 })
                _outbox.TryEnqueue(permitted, ClientId, turn);
            else if (link.PendingBytes + delivery.Message.Size > broker.Options.LinkOutputBytesMax && link.PendingBytes > 0)
                turn.Dropped(DropReason.SlowReader, ClientId, delivery.Message);
            else
                Send(permitted, turn);
        }
        else if (_outbox.Count == 0 && FreeInFlight > 0 && link.PendingBytes < broker.Options.LinkHighWaterBytes)
        {
            Send(permitted, turn);
        }
        else
        {
            _outbox.TryEnqueue(permitted, ClientId, turn);
            // A link that is full says when it has drained, a full window is opened by the client's acknowledgements. The link may have
            // drained since it was looked at above: then nobody else will say so.
            if (HasRoomOnLink(link))
                Pump(turn);
        }
    }

    private Verdict AuthorizeReceive(in Delivery delivery, out Pending<Verdict>? permission)
    {
        permission = null;
        if (ReferenceEquals(broker.Ports.Authorizer, AllowAll.Instance))
            return Verdict.Allowed;
        var request = new AccessRequest(gate, AccessAction.Receive, ClientId, _userName)
        {
            Topic = delivery.Message.Topic,
            QoS = delivery.QoS,
            Retain = delivery.Retain,
        };
        Verdict verdict = broker.Ports.Authorizer.Authorize(ref request);
        permission = request.Deferred;
        return verdict;
    }

    /// <summary>
    /// Sends what waits, as far as the client's window and the link allow: first what an earlier connection left unacknowledged, then
    /// the queue, then retained messages that new subscriptions are owed. Those keep half of the window free for live traffic.
    /// </summary>
    private void Pump(Turn turn)
    {
        if (Link is not { } link || _held is { ConnAck: not null })
            return;
        int bytes = 0;
        while (InFlight.HasResends && HasRoomOnLink(link) && InFlight.TryNextResend(out InFlight<Delivery> entry))
            Resend(entry, turn);
        if (InFlight.HasResends)
            return;
        while (_outbox.TryPeek(out Delivery delivery) && TryDecide(delivery, out bool permitted))
        {
            if (!permitted || delivery.Message.IsExpired(turn.Now))
            {
                _outbox.TryDequeue(out _);
                turn.Dropped(permitted ? DropReason.Expired : DropReason.ReceiveNotAuthorized, ClientId, delivery);
                continue;
            }

            if (delivery.QoS == QoS.AtMostOnce ? _held is { Publishes: > 0 } : FreeInFlight == 0)
                break;
            // Another thread may drain the link at any moment: what is retained must not find the room that this did not.
            if (!HasRoomOnLink(link) || !HasTime(link, ref bytes, delivery))
                return;
            _outbox.TryDequeue(out _);
            Send(delivery, turn);
        }

        // What waits behind a held message is older than what is retained now.
        if (_held is { Publishes: > 0 } && _outbox.Count > 0)
            return;
        // Retained messages may come before SUBACK, but no client expects them there.
        for (int looks = 0; _held is not { SubAcks: > 0 } && _replays is { Count: > 0 };)
        {
            RetainedReplay replay = _replays.Peek();
            if (replay.MustLookOn)
            {
                // Looking places up walks the store: that takes turns with everybody else.
                if (looks++ == ReplayLooksMax)
                {
                    link.Wake();
                    break;
                }

                replay.LookOn();
            }

            if (!replay.TryPeek(turn.Now, out Delivery delivery))
            {
                if (replay.MustLookOn)
                    continue;
                _replays.Dequeue();
                if (_replays.Count == 0)
                    _replays = null;
                // Unless another replay of the subscription goes on.
                if (replay.Subscription is { Replay: null, IsRemoved: false } && replay.WasOwed)
                    StoreSubscription(replay.Subscription, isOwedRetained: false);
                continue;
            }

            if (!HasRoomOnLink(link) || (delivery.QoS != QoS.AtMostOnce && FreeInFlight <= _sendMaximum / 2) || !HasTime(link, ref bytes, delivery))
                break;
            // Nor do those that wait for a permission push anything out of the queue.
            if (_outbox.AskedCount > _sendMaximum / 2 || (_outbox.AskedCount > 0 && !_outbox.TryMakeRoom(delivery.Size, ClientId, turn)))
                break;
            replay.Advance();
            Verdict verdict = AuthorizeReceive(delivery, out Pending<Verdict>? permission);
            if (verdict == Verdict.Denied)
            {
                turn.Dropped(DropReason.ReceiveNotAuthorized, ClientId, delivery.Message);
                continue;
            }

            if (delivery.QoS != QoS.AtMostOnce && _stored is { } stored)
                delivery = delivery.With(turn.KeepAlone(stored, delivery));
            if (verdict == Verdict.Allowed)
                Send(delivery, turn);
            else
                _outbox.TryEnqueue(delivery.With(permission), ClientId, turn);
        }
    }

    /// <summary>Whether the link takes more queued messages now; if not, it is asked to say when.</summary>
    private bool HasRoomOnLink(Link link)
    {
        if (link.PendingBytes < broker.Options.LinkHighWaterBytes)
            return true;
        link.WakeWhenDrained();
        return false;
    }

    /// <summary>Whether the turn is still short; if not, the link gets another one after the others.</summary>
    private static bool HasTime(Link link, ref int bytes, in Delivery delivery)
    {
        if (bytes >= TurnBytesMax)
        {
            link.Wake();
            return false;
        }

        bytes += delivery.Size;
        return true;
    }

    private static bool TryDecide(in Delivery delivery, out bool permitted)
    {
        permitted = true;
        if (delivery.Permission is null)
            return true;
        if (!delivery.Permission.TryGet(out Verdict verdict))
            return false;
        permitted = verdict == Verdict.Allowed;
        return true;
    }

    /// <summary>The window, to put into.</summary>
    private InFlightWindow<Delivery> Window()
    {
        if (_window is null)
        {
            _window = new InFlightWindow<Delivery>();
            _window.Open(_sendMaximum);
        }

        return _window;
    }

    private void Resend(in InFlight<Delivery> entry, Turn turn)
    {
        if (entry.State == InFlightState.AwaitingPubComp)
            Answer(PacketType.PubRel, entry.PacketId, ReasonCode.Success, Position, turn);
        else if (entry.Item.Copy is not { } copy || !TryHold(copy, entry.PacketId, Journal.PositionOf(copy), turn))
            Transmit(entry.Item, entry.PacketId, entry.Item.Copy?.WasSent ?? true, turn);
    }

    private void Send(in Delivery delivery, Turn turn)
    {
        if (delivery.QoS == QoS.AtMostOnce)
        {
            TryWrite(delivery, 0, duplicate: false, turn);
            return;
        }

        ushort packetId = Window().Add(delivery, delivery.QoS);
        if (delivery.Copy is { } copy)
        {
            long position = Journal.Sent(copy, packetId);
            if (TryHold(copy, packetId, position, turn))
                return;
        }

        Transmit(delivery, packetId, duplicate: false, turn);
    }

    /// <summary>
    /// Holds a QoS 2 message back until its identifier is on disk: after a crash the client must find the same message under it. What
    /// follows it waits behind it, so that it is not overtaken.
    /// </summary>
    private bool TryHold(StoredCopy copy, ushort packetId, long position, Turn turn)
    {
        bool waits = copy.QoS == QoS.ExactlyOnce;
        if (Link!.AckContract != AckContract.Fsync || (!waits && _held is not { Publishes: > 0 }))
            return false;
        Hold(new HeldPacket(waits ? position : Journal.BeforeStart, PacketId: packetId, Copy: copy), turn);
        return true;
    }

    /// <summary>Writes a QoS 1 or 2 message that is in the window; one that the client cannot take, or not in time, leaves it.</summary>
    private void Transmit(in Delivery delivery, ushort packetId, bool duplicate, Turn turn)
    {
        // What expired while it waited for the disk was never on its way to the client [MQTT-3.3.2-5].
        bool isLate = delivery.Copy is { WasSent: false } && delivery.Message.IsExpired(turn.Now);
        if (isLate)
            turn.Dropped(DropReason.Expired, ClientId, delivery);
        if (isLate || !TryWrite(delivery, packetId, duplicate, turn))
            InFlight.TryComplete(packetId, delivery.QoS == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck : InFlightState.AwaitingPubRec, out _);
        else if (delivery.Copy is { } copy)
            copy.WasSent = true;
    }

    /// <summary>Writes the PUBLISH; false, with the drop named, when the client cannot take a packet of this size [MQTT-3.1.2-25].</summary>
    private bool TryWrite(in Delivery delivery, ushort packetId, bool duplicate, Turn turn)
    {
        Link link = Link!;
        int length = _topicAliasMax == 0 && delivery.SubscriptionIds is null
            ? WriteShared(link, delivery, packetId, duplicate, turn)
            : WriteOwn(link, delivery, packetId, duplicate, turn.Now);
        if (length == 0)
        {
            turn.Dropped(DropReason.PacketTooLarge, ClientId, delivery);
            return false;
        }

        turn.Tally.Sent(length);
        turn.Tally.PublishesSent++;
        turn.Tally.PublishBytesSent += delivery.Message.PayloadLength;
        turn.Touch(link);
        return true;
    }

    /// <summary>The common case: the same bytes as other receivers get, patched.</summary>
    private int WriteShared(Link link, in Delivery delivery, ushort packetId, bool duplicate, Turn turn)
    {
        FrameCache.Shape shape = turn.Frames.Get(delivery.Message, _version, delivery.QoS, turn.Now);
        if ((uint)shape.Length > Connection!.PacketSizeMax)
            return 0;
        bool isCopied = delivery.Message.PayloadLength <= FrameCache.CopiedPayloadMax;
        int reserved = isCopied ? shape.Length : shape.HeadLength;
        Span<byte> span = link.Reserve(reserved);
        shape.CopyTo(span, duplicate, delivery.QoS, delivery.Retain, packetId);
        if (isCopied)
            delivery.Message.PayloadSpan.CopyTo(span[shape.HeadLength..]);
        link.Commit(reserved);
        if (!isCopied)
            link.SendShared(delivery.Message.Payload);
        return shape.Length;
    }

    /// <summary>A frame of this receiver's own: with its subscription identifiers or a topic alias.</summary>
    private int WriteOwn(Link link, in Delivery delivery, ushort packetId, bool duplicate, long now)
    {
        Message message = delivery.Message;
        var packet = new PublishPacket
        {
            Duplicate = duplicate,
            QoS = delivery.QoS,
            Retain = delivery.Retain,
            PacketId = packetId,
            Topic = message.Topic,
            HasMessageExpiry = message.ExpiresAt != Message.Never,
            MessageExpirySeconds = message.ExpiresAt == Message.Never ? 0 : message.RemainingSeconds(now),
            PropertyBlock = message.Properties,
            SubscriptionIdentifiers = delivery.SubscriptionIds,
            Payload = message.PayloadSpan,
        };
        if (_topicAliasMax > 0 && message.Topic.Length >= AliasedTopicMin)
        {
            OutboundTopicAliases aliases = (_aliases ??= new TopicAliases()).Outbound(_topicAliasMax);
            if (aliases.Knows(message.Topic, out ushort alias))
            {
                packet.TopicAlias = alias;
                packet.Topic = default;
            }
            else
            {
                // Setting an alias makes the packet longer: where the client has no room for that, the topic goes alone. An alias is
                // only given to a packet that is certainly sent.
                packet.TopicAlias = 1;
                packet.TopicAlias = (uint)packet.Measure(_version) <= Connection!.PacketSizeMax ? aliases.Get(message.Topic, out _) : (ushort)0;
            }
        }

        int length = packet.Measure(_version);
        if ((uint)length > Connection!.PacketSizeMax)
            return 0;
        int head = message.PayloadLength > FrameCache.CopiedPayloadMax ? length - message.PayloadLength : length;
        Span<byte> span = link.Reserve(head);
        int written = 0;
        try
        {
            packet.WriteHead(span, _version);
            if (head == length)
                message.PayloadSpan.CopyTo(span[(length - message.PayloadLength)..]);
            written = head;
        }
        finally
        {
            link.Commit(written);
        }

        if (head < length)
            link.SendShared(message.Payload);
        return length;
    }

    /// <summary>Sends a packet other than PUBLISH.</summary>
    private void Send<TPacket>(in TPacket packet, Turn turn)
        where TPacket : IPacket, allows ref struct
    {
        // Null when a packet of this batch has just ended the connection.
        if (Connection is not { } connection)
            return;
        if (!connection.TrySend(packet, turn))
            Close(CloseCause.AnswerTooLarge, turn);
        else if (connection.Link.PendingBytes > 2 * broker.Options.LinkOutputBytesMax)
            Close(CloseCause.OutputOverflow, turn);
    }
}
