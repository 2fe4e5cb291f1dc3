using System.Text;
using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>Packets of the client.</summary>
internal sealed partial class Session
{
    private byte[] _lastTopic = [];

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

    /// <summary>The router has dealt with a QoS 1 or 2 message of this client; now it may be acknowledged [MQTT-4.3.2-4, MQTT-4.3.3-8].</summary>
    public void OnRouted(in Route route, ReasonCode outcome, Turn turn)
    {
        bool exactlyOnce = route.Message.QoS == QoS.ExactlyOnce;
        bool refused = ReasonCodes.IsError(outcome);
        if (exactlyOnce && refused)
            _received.Release(route.PacketId);
        if (!ReferenceEquals(Connection, route.Origin))
            return;
        if (refused && _version != ProtocolVersion.Mqtt50)
        {
            // 3.x cannot say no. An acknowledgement would be a lie; without one the client sends again later.
            Close(new CloseCause(CloseReason.ProtocolViolation, outcome, "a publish could not be accepted and MQTT 3.x has no way to say so"), turn);
            return;
        }

        Acknowledge(exactlyOnce ? PacketType.PubRec : PacketType.PubAck, route.PacketId, outcome, turn);
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
        if (_inboundAliases is not null && !_inboundAliases.TryResolve(packet.Topic, packet.TopicAlias, out topic, out violation)
            || !IsAvailable(packet, topic, out violation))
        {
            Close(CloseCause.Of(violation), turn);
            return;
        }

        // [MQTT-4.3.3-10] A repetition of what was accepted before is only acknowledged again.
        if (packet.QoS == QoS.ExactlyOnce && _received.Contains(packet.PacketId))
        {
            Send(new AckPacket { Type = PacketType.PubRec, PacketId = packet.PacketId }, turn);
            return;
        }

        if (packet.QoS != QoS.AtMostOnce && !_quota.TryTake())
        {
            Close(CloseCause.Of(new Violation(ReasonCode.ReceiveMaximumExceeded, "more unacknowledged publishes than the receive maximum")), turn);
            return;
        }

        // Publishers repeat their topics: one array serves all messages of a run.
        if (!topic.SequenceEqual(_lastTopic))
            _lastTopic = topic.ToArray();
        Message message = Message.From(packet, _lastTopic, ClientId, turn.Now);
        Verdict verdict = AuthorizePublish(message, out Pending<Verdict>? pending);
        if (verdict == Verdict.Pending)
            _waiting = new WaitingPacket(pending!) { Publish = message, PacketId = packet.PacketId };
        else
            Accept(message, packet.PacketId, verdict, turn);
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
                Acknowledge(message.QoS == QoS.ExactlyOnce ? PacketType.PubRec : PacketType.PubAck, packetId, ReasonCode.NotAuthorized, turn);
            return;
        }

        if (message.QoS == QoS.ExactlyOnce)
            _received.Add(packetId);
        bool answered = message.QoS != QoS.AtMostOnce;
        turn.Routes.Enqueue(new Route(message, answered ? Connection : null, packetId, IsRefusable: answered));
    }

    /// <summary>
    /// PUBACK or PUBREC. A 3.x client gets a plain one whatever the reason, as its specification demands of a publish that was not
    /// authorised [3.1.1: MQTT-3.3.5-2].
    /// </summary>
    private void Acknowledge(PacketType type, ushort packetId, ReasonCode reason, Turn turn)
    {
        bool refused = ReasonCodes.IsError(reason);
        if (type == PacketType.PubAck || (refused && _version == ProtocolVersion.Mqtt50))
            _quota.GiveBack();
        if (type == PacketType.PubRec && refused && _version != ProtocolVersion.Mqtt50)
            _received.Add(packetId);
        Send(new AckPacket { Type = type, PacketId = packetId, Reason = reason }, turn);
    }

    private void OnAck(in AckPacket ack, Turn turn)
    {
        switch (ack.Type)
        {
            case PacketType.PubAck:
                if (_window.TryComplete(ack.PacketId, InFlightState.AwaitingPubAck, out Delivery delivery))
                    Completed(delivery, ack.Reason, turn);
                break;
            case PacketType.PubRec when ReasonCodes.IsError(ack.Reason):
                if (_window.TryComplete(ack.PacketId, InFlightState.AwaitingPubRec, out delivery))
                    Completed(delivery, ack.Reason, turn);
                break;
            case PacketType.PubRec:
                bool known = _window.TryReceived(ack.PacketId, default);
                ReasonCode reason = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
                Send(new AckPacket { Type = PacketType.PubRel, PacketId = ack.PacketId, Reason = reason }, turn);
                return;
            case PacketType.PubRel:
                reason = _received.Release(ack.PacketId) ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
                _quota.GiveBack();
                Send(new AckPacket { Type = PacketType.PubComp, PacketId = ack.PacketId, Reason = reason }, turn);
                return;
            default:
                _window.TryComplete(ack.PacketId, InFlightState.AwaitingPubComp, out _);
                break;
        }

        Pump(turn);
    }

    private void Completed(in Delivery delivery, ReasonCode reason, Turn turn)
    {
        if (ReasonCodes.IsError(reason))
            turn.Dropped(DropReason.RefusedByClient, ClientId, delivery.Message);
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
        Send(new SubAckPacket { PacketId = packet.PacketId, ReasonCodes = codes.ToArray() }, turn);
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
        string name = Encoding.UTF8.GetString(request.Filter);
        Subscription? existing = null;
        if (_subscriptions is not null && !_subscriptions.TryGetValue(name, out existing) && _subscriptions.Count >= options.SubscriptionsPerSessionMax)
            return ReasonCode.QuotaExceeded;
        QoS granted = request.Options.QoS < options.MaximumQoS ? request.Options.QoS : options.MaximumQoS;
        // A bridge of 3.x wants what MQTT 5.0 calls No Local and Retain As Published.
        SubscriptionOptions terms = _isBridge ? request.Options.With(granted).ForBridge() : request.Options.With(granted);
        bool isNew = existing is null;
        if (existing is null)
        {
            existing = new Subscription(name, gate, new SubscriptionTerms(terms, identifier, 0));
            (_subscriptions ??= new Dictionary<string, Subscription>(StringComparer.Ordinal)).Add(name, existing);
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
            existing.Terms = existing.Terms with { ReplayedThrough = broker.Retained.Updates };
            if (existing.Replay is not { IsStarted: false })
            {
                existing.Replay = new RetainedReplay(broker.Retained, existing);
                (_replays ??= new Queue<RetainedReplay>()).Enqueue(existing.Replay);
            }
        }

        return (ReasonCode)granted;
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
            codes.Add((byte)(Unsubscribe(Encoding.UTF8.GetString(filter)) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted));
        Send(new UnsubAckPacket { PacketId = packet.PacketId, ReasonCodes = codes.ToArray() }, turn);
    }

    private bool Unsubscribe(string filter)
    {
        if (_subscriptions is null || !_subscriptions.Remove(filter, out Subscription? subscription))
            return false;
        Remove(subscription);
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
            if (_connectedExpirySeconds == 0 && expiry != 0)
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
