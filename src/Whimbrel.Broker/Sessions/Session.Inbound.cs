using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>Packets of the client.</summary>
internal sealed partial class Session
{
    private List<UnroutedPublish>? _unrouted;

    /// <summary>A QoS 2 PUBLISH that was accepted and whose routing is not over.</summary>
    /// <param name="Origin">The connection that it came on.</param>
    /// <param name="Repeater">The connection that is answered: a later one when the client has repeated it there.</param>
    private readonly record struct UnroutedPublish(ushort PacketId, Connection Origin, Connection Repeater);

    /// <summary>One packet, which <see cref="PacketOrder"/> has found legal here. AUTH is the connection's own.</summary>
    public void OnPacket(in Frame frame, Turn turn)
    {
        _lastReceived = turn.Now;
        switch (frame.Type)
        {
            case PacketType.Publish:
                OnPublish(frame, turn);
                break;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                if (AckPacket.TryParse(frame, _version, out AckPacket ack, out Violation violation))
                    OnAck(ack, turn);
                else
                    Close(CloseCause.Of(violation), turn);
                break;
            case PacketType.Subscribe:
                OnSubscribe(frame, turn);
                break;
            case PacketType.Unsubscribe:
                OnUnsubscribe(frame, turn);
                break;
            case PacketType.PingReq:
                if (PingPacket.TryParse(frame, _version, out _, out violation))
                    Send(new PingPacket(PacketType.PingResp), turn);
                else
                    Close(CloseCause.Of(violation), turn);
                break;
            default:
                OnDisconnect(frame, turn);
                break;
        }
    }

    /// <summary>A packet that is not the session's to answer came: AUTH.</summary>
    public void OnSignOfLife(Turn turn) => _lastReceived = turn.Now;

    /// <summary>The connection looks again: a permission may have been given, or what was pending has left.</summary>
    public void OnWoken(Turn turn)
    {
        Release(turn);
        if (_waiting is { } waiting && waiting.Permission.TryGet(out Verdict verdict))
        {
            _waiting = null;
            _lastReceived = turn.Now;
            if (waiting.Publish is { } message)
                Accept(message, waiting.PacketId, verdict, turn);
            else
                ContinueSubscribe(waiting.Subscribe!, waiting.Codes, verdict, turn);
        }

        Pump(turn);
    }

    /// <summary>
    /// The router has dealt with a QoS 1 or 2 message of this client; now it may be acknowledged, as soon as it is safe
    /// [MQTT-4.3.2-4, MQTT-4.3.3-8].
    /// </summary>
    public void OnRouted(in Route route, RouteOutcome outcome, Turn turn)
    {
        if (route.Message is not { } message)
        {
            if (ReferenceEquals(Connection, route.Origin))
                Release(turn);
            return;
        }

        bool exactlyOnce = message.QoS == QoS.ExactlyOnce;
        bool refused = ReasonCodes.IsError(outcome.Reason);
        Connection? answered = route.Origin;
        // Not there: the session has been discarded since, and the identifier is not the new one's.
        if (exactlyOnce && !TryTakeUnrouted(route, out answered))
            return;
        if (exactlyOnce && refused)
            _received?.Release(route.PacketId);
        else if (exactlyOnce)
            Remember(outcome.Position);
        if (!ReferenceEquals(Connection, answered))
            return;
        if (refused && _version != ProtocolVersion.Mqtt50)
        {
            // 3.x cannot say no. An acknowledgement would be a lie; without one the client sends again later.
            Close(new CloseCause(CloseReason.ProtocolViolation, outcome.Reason, "a publish could not be accepted and MQTT 3.x has no way to say so"), turn);
            return;
        }

        Answer(exactlyOnce ? PacketType.PubRec : PacketType.PubAck, route.PacketId, outcome.Reason, outcome.Position, turn);
    }

    private void OnPublish(in Frame frame, Turn turn)
    {
        if (!PublishPacket.TryParse(frame, _version, out PublishPacket packet, out Violation violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        turn.Tally.PublishesReceived++;
        turn.Tally.PublishBytesReceived += packet.Payload.Length;
        ReadOnlySpan<byte> topic = packet.Topic;
        if (packet.TopicAlias != 0 && !(_aliases ??= new TopicAliases()).Inbound(broker.Options.TopicAliasMaximum).TryResolve(packet.Topic, packet.TopicAlias, out topic, out violation)
            || !IsAvailable(packet, topic, out violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        // [MQTT-4.3.3-10] A repetition of what was accepted before is only acknowledged again.
        if (packet.QoS == QoS.ExactlyOnce && _received?.Contains(packet.PacketId) == true)
        {
            if (!IsAnsweredWhenRouted(packet.PacketId))
                Answer(PacketType.PubRec, packet.PacketId, ReasonCode.Success, Position, turn);
            return;
        }

        if (packet.QoS != QoS.AtMostOnce && !_quota.TryTake())
        {
            Close(CloseCause.Of(new Violation(ReasonCode.ReceiveMaximumExceeded, "more unacknowledged publishes than the receive maximum")), turn);
            return;
        }

        Message message = turn.MessageOf(packet, topic, ClientId);
        Verdict verdict = AuthorizePublish(message, out Pending<Verdict>? pending);
        if (verdict == Verdict.Pending)
            _waiting = new WaitingPacket(pending!) { Publish = turn.Lasting(message), PacketId = packet.PacketId };
        else
            Accept(message, packet.PacketId, verdict, turn);
    }

    /// <summary>
    /// Whether a repetition came on a new connection while the thread of the last one still routes: it is neither known where the message is
    /// stored nor whether it is accepted.
    /// </summary>
    private bool IsAnsweredWhenRouted(ushort packetId)
    {
        int index = _unrouted?.FindIndex(unrouted => unrouted.PacketId == packetId) ?? -1;
        if (index >= 0)
            _unrouted![index] = _unrouted[index] with { Repeater = Connection! };
        return index >= 0;
    }

    private bool TryTakeUnrouted(in Route route, out Connection? answered)
    {
        answered = null;
        for (int i = 0; i < _unrouted?.Count; i++)
        {
            if (_unrouted[i].PacketId != route.PacketId || !ReferenceEquals(_unrouted[i].Origin, route.Origin))
                continue;
            answered = _unrouted[i].Repeater;
            _unrouted.RemoveAt(i);
            return true;
        }

        return false;
    }

    private bool IsAvailable(in PublishPacket packet, ReadOnlySpan<byte> topic, out Violation violation)
    {
        violation = default;
        if (packet.QoS > broker.Options.MaximumQoS)
            violation = new Violation(ReasonCode.QoSNotSupported, "a QoS above the maximum");
        else if (packet.Retain && !broker.Options.RetainAvailable)
            violation = new Violation(ReasonCode.RetainNotSupported, "RETAIN where it is not available");
        else if (packet.SubscriptionIdCount > 0)
            violation = new Violation(ReasonCode.ProtocolError, "a subscription identifier in a PUBLISH from a client");
        else if (topic.Count((byte)'/') >= broker.Options.TopicLevelsMax)
            violation = new Violation(ReasonCode.TopicNameInvalid, "a topic with too many levels");
        return violation.IsNone;
    }

    private Verdict AuthorizePublish(Message message, out Pending<Verdict>? pending)
    {
        pending = null;
        if (ReservedTopics.Contains(message.Topic))
            return Verdict.Denied;
        var request = new AccessRequest(gate, AccessAction.Publish, ClientId, _userName) { Topic = message.Topic, QoS = message.QoS, Retain = message.Retain };
        Verdict verdict = broker.Ports.Authorizer.Authorize(ref request);
        pending = request.Deferred;
        return verdict;
    }

    private void Accept(Message message, ushort packetId, Verdict verdict, Turn turn)
    {
        if (verdict != Verdict.Allowed)
        {
            turn.Dropped(DropReason.PublishNotAuthorized, ClientId, message);
            if (message.QoS != QoS.AtMostOnce)
                Refuse(message.QoS == QoS.ExactlyOnce ? PacketType.PubRec : PacketType.PubAck, packetId, turn);
            return;
        }

        PacketReceived? received = null;
        if (message.QoS == QoS.ExactlyOnce)
        {
            (_received ??= new()).Add(packetId);
            (_unrouted ??= []).Add(new UnroutedPublish(packetId, Connection!, Connection!));
            // Stored together with the message: one without the other would lose it or bring it twice.
            received = _stored is { } stored ? new PacketReceived(stored.Number, packetId) : null;
        }

        bool answered = message.QoS != QoS.AtMostOnce;
        turn.Routes.Enqueue(new Route(message, answered ? Connection : null, packetId, IsRefusable: answered, Change: received));
    }

    /// <summary>
    /// PUBACK or PUBREC for a publish that was not authorised. A 3.x client gets a plain one, as its specification demands
    /// [3.1.1: MQTT-3.3.5-2], and goes on to PUBREL.
    /// </summary>
    private void Refuse(PacketType type, ushort packetId, Turn turn)
    {
        if (type == PacketType.PubRec && _version != ProtocolVersion.Mqtt50)
        {
            (_received ??= new()).Add(packetId);
            if (_stored is { } stored)
                Remember(Journal.Append(new PacketReceived(stored.Number, packetId)));
        }

        Answer(type, packetId, ReasonCode.NotAuthorized, Position, turn);
    }

    private void OnAck(in AckPacket ack, Turn turn)
    {
        switch (ack.Type)
        {
            case PacketType.PubAck:
                if (InFlight.TryComplete(ack.PacketId, InFlightState.AwaitingPubAck, out Delivery delivery))
                    Completed(delivery, ack.Reason, turn);
                break;
            case PacketType.PubRec when ReasonCodes.IsError(ack.Reason):
                if (InFlight.TryComplete(ack.PacketId, InFlightState.AwaitingPubRec, out delivery))
                    Completed(delivery, ack.Reason, turn);
                break;
            case PacketType.PubRec:
                OnPubRec(ack.PacketId, turn);
                return;
            case PacketType.PubRel:
                OnPubRel(ack.PacketId, turn);
                return;
            default:
                if (InFlight.TryComplete(ack.PacketId, InFlightState.AwaitingPubComp, out delivery) && delivery.Copy is { } copy)
                    Journal.Completed(copy);
                break;
        }

        Pump(turn);
    }

    /// <summary>PUBREL follows once it is on disk that the client has the message: after it nothing keeps the client from taking it twice.</summary>
    private void OnPubRec(ushort packetId, Turn turn)
    {
        bool known = InFlight.TryGet(packetId, out InFlight<Delivery> entry) && InFlight.TryReceived(packetId, entry.Item);
        if (known && entry.State == InFlightState.AwaitingPubRec && entry.Item.Copy is { } copy)
            Remember(Journal.Done(copy, keepsPacketId: true));
        Answer(PacketType.PubRel, packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound, Position, turn);
    }

    /// <summary>PUBCOMP follows once the disk has forgotten the identifier: remembered, it would swallow the next message that has it.</summary>
    private void OnPubRel(ushort packetId, Turn turn)
    {
        bool known = _received?.Release(packetId) == true;
        if (known && _stored is { } stored)
            Remember(Journal.Append(new PacketReleased(stored.Number, packetId)));
        Answer(PacketType.PubComp, packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound, Position, turn);
    }

    private void Completed(in Delivery delivery, ReasonCode reason, Turn turn)
    {
        if (ReasonCodes.IsError(reason))
            turn.Dropped(DropReason.RefusedByClient, ClientId, delivery);
        else
            turn.Forget(delivery);
    }

    private void OnSubscribe(in Frame frame, Turn turn)
    {
        if (!SubscribePacket.TryParse(frame, _version, out SubscribePacket packet, out Violation violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        if (packet.SubscriptionIdentifier != 0 && !broker.Options.SubscriptionIdentifiersAvailable)
        {
            Close(CloseCause.Of(new Violation(ReasonCode.SubscriptionIdentifiersNotSupported, "a subscription identifier where they are not available")), turn);
            return;
        }

        ContinueSubscribe(frame.Body, [], null, turn);
    }

    /// <summary>
    /// Deals with the filters of one SUBSCRIBE from the one after <paramref name="codes"/> on. A permission that takes time parks the
    /// packet; <paramref name="answer"/> is that permission when it has come.
    /// </summary>
    private void ContinueSubscribe(ReadOnlySpan<byte> body, List<byte> codes, Verdict? answer, Turn turn)
    {
        SubscribePacket.TryParse(new Frame(PacketType.Subscribe, 2, body, body.Length), _version, out SubscribePacket packet, out _);
        int index = 0;
        foreach (SubscriptionRequest request in packet.Filters)
        {
            if (index++ < codes.Count)
                continue;
            Verdict verdict = answer ?? Verdict.Allowed;
            if (answer is null)
            {
                var access = new AccessRequest(gate, AccessAction.Subscribe, ClientId, _userName) { Topic = request.Filter, QoS = request.Options.QoS };
                verdict = broker.Ports.Authorizer.Authorize(ref access);
                if (verdict == Verdict.Pending)
                {
                    _waiting = new WaitingPacket(access.Deferred!) { Subscribe = body.ToArray(), Codes = codes };
                    return;
                }
            }

            answer = null;
            ReasonCode code = verdict == Verdict.Allowed
                ? Subscribe(request, packet.SubscriptionIdentifier, turn)
                : ReasonCode.NotAuthorized;
            codes.Add((byte)code);
        }

        TellRefused(packet, codes, turn);
        SendWhenStored(new SubAckPacket { PacketId = packet.PacketId, ReasonCodes = codes.ToArray() }, turn);
        Pump(turn);
    }

    /// <summary>One event for one SUBSCRIBE, with the first filter that was refused and how many were.</summary>
    private void TellRefused(in SubscribePacket packet, List<byte> codes, Turn turn)
    {
        int count = codes.Count(code => ReasonCodes.IsError((ReasonCode)code));
        if (count == 0)
            return;
        int index = 0;
        foreach (SubscriptionRequest request in packet.Filters)
        {
            var code = (ReasonCode)codes[index++];
            if (!ReasonCodes.IsError(code))
                continue;
            turn.Happened(new BrokerEvent(BrokerEventKind.SubscriptionRefused)
            {
                ClientId = ClientId,
                Peer = Link?.Peer,
                Code = code,
                Topic = request.Filter.ToArray(),
                Count = count,
            });
            return;
        }
    }

    private ReasonCode Subscribe(in SubscriptionRequest request, uint identifier, Turn turn)
    {
        BrokerOptions options = broker.Options;
        if (!TopicFilter.TryParse(request.Filter, out TopicFilter filter))
            return ReasonCode.TopicFilterInvalid;
        if (filter.IsShared && !options.SharedSubscriptionAvailable)
            return ReasonCode.SharedSubscriptionsNotSupported;
        if (filter.HasWildcards && !options.WildcardSubscriptionAvailable)
            return ReasonCode.WildcardSubscriptionsNotSupported;
        if (request.Filter.Count((byte)'/') >= options.TopicLevelsMax)
            return ReasonCode.QuotaExceeded;
        if (IsDurable && Journal.IsFull)
            return ReasonCode.QuotaExceeded;
        if (!_subscriptions.TryGet(request.Filter, out Subscription? existing) && _subscriptions.Count >= options.SubscriptionsPerSessionMax)
            return ReasonCode.QuotaExceeded;
        QoS granted = request.Options.QoS < options.MaximumQoS ? request.Options.QoS : options.MaximumQoS;
        // A bridge of 3.x wants what MQTT 5.0 calls No Local and Retain As Published.
        SubscriptionOptions terms = _isBridge ? request.Options.With(granted).ForBridge() : request.Options.With(granted);
        bool isNew = existing is null;
        if (existing is null)
        {
            existing = new Subscription(request.Filter, gate, new SubscriptionTerms(terms, identifier, 0));
            _subscriptions.Add(existing);
            broker.Tree.Add(filter, existing);
        }
        else
        {
            // What an earlier replay still owes stays owed.
            existing.Terms = new SubscriptionTerms(terms, identifier, existing.Terms.ReplayedThrough);
        }

        bool replay = !filter.IsShared && terms.RetainHandling switch
        {
            RetainHandling.SendOnSubscribe => true,
            RetainHandling.SendIfNew => isNew,
            _ => false,
        };
        if (replay)
        {
            // Taken after the subscription stands in the tree: whatever is retained later reaches it as live traffic.
            bool mayMatch = broker.Retained.MayMatch(existing.Filter, out long updates);
            existing.Terms = existing.Terms with { ReplayedThrough = updates };
            if (mayMatch && existing.Replay is not { IsStarted: false })
                Owe(existing, wasOwed: IsDurable);
        }

        StoreSubscription(existing, isOwedRetained: existing.Replay is { WasOwed: true });

        return (ReasonCode)granted;
    }

    /// <summary>The subscription is sent what is retained.</summary>
    private void Owe(Subscription subscription, bool wasOwed)
    {
        subscription.Replay = new RetainedReplay(broker.Retained, subscription, wasOwed);
        (_replays ??= new Queue<RetainedReplay>()).Enqueue(subscription.Replay);
    }

    private void OnUnsubscribe(in Frame frame, Turn turn)
    {
        if (!UnsubscribePacket.TryParse(frame, _version, out UnsubscribePacket packet, out Violation violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        var codes = new List<byte>(packet.FilterCount);
        foreach (ReadOnlySpan<byte> filter in packet.Filters)
            codes.Add((byte)(Unsubscribe(filter) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted));
        SendWhenStored(new UnsubAckPacket { PacketId = packet.PacketId, ReasonCodes = codes.ToArray() }, turn);
    }

    private bool Unsubscribe(ReadOnlySpan<byte> filter)
    {
        if (!_subscriptions.TryGet(filter, out Subscription? subscription))
            return false;
        _subscriptions.Remove(subscription!);
        Remove(subscription!);
        if (_stored is { } stored)
            Remember(Journal.Append(new SubscriptionEnded(stored.Number, subscription!.FilterText)));
        return true;
    }

    private void OnDisconnect(in Frame frame, Turn turn)
    {
        if (!DisconnectPacket.TryParse(frame, _version, out DisconnectPacket packet, out Violation violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        if (packet.SessionExpirySeconds is { } expiry)
        {
            // What was 0 at CONNECT cannot be made to last at DISCONNECT (section 3.14.2.2.2).
            if (!_hasAskedToLast && expiry != 0)
            {
                Close(CloseCause.Of(new Violation(ReasonCode.ProtocolError, "a session expiry in DISCONNECT after none in CONNECT")), turn);
                return;
            }

            ChangeExpiry(expiry);
        }

        bool clean = packet.Reason == ReasonCode.Success;
        Close(new CloseCause(clean ? CloseReason.ClientDisconnected : CloseReason.ClientDisconnectedWithWill, packet.Reason, "the client sent DISCONNECT"), turn);
    }
}
