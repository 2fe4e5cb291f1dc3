using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <content>What a client does about what it is sent.</content>
internal sealed partial class RandomClient
{
    private void OnPacket(Seen packet)
    {
        if (_isLive == (packet.Type == PacketType.ConnAck))
        {
            Breach(ViolationKind.Malformed, $"{packet.Type}, {(_isLive ? "a second one" : "before CONNACK")}");
            return;
        }

        switch (packet.Type)
        {
            case PacketType.ConnAck:
                OnConnAck(packet);
                break;
            case PacketType.Publish:
                OnPublish(packet);
                break;
            case PacketType.PubRel:
                Judge(_incoming.OnPubRel(packet.PacketId), $"PUBREL {packet.PacketId}");
                AnswerInTime(packet);
                break;
            case PacketType.PubAck:
                OnAcknowledgement(packet, _outgoing.OnPubAck(packet.PacketId));
                break;
            case PacketType.PubRec:
                OnAcknowledgement(packet, _outgoing.OnPubRec(packet.PacketId, ReasonCodes.IsError(packet.Reason)));
                break;
            case PacketType.PubComp:
                (Flight? completed, ViolationKind? breach) = _outgoing.OnPubComp(packet.PacketId);
                Judge(breach, $"PUBCOMP {packet.PacketId}");
                if (completed is not null)
                    Note(new Happening.Completed(Name, completed.Message.Number));
                break;
            case PacketType.SubAck or PacketType.UnsubAck:
                OnSubscriptionAnswer(packet);
                break;
            case PacketType.PingResp:
                _awaitsPong = false;
                break;
            case PacketType.Disconnect:
                Breach(ViolationKind.ClosedByBroker, $"DISCONNECT {packet.Reason} {packet.ReasonString}");
                break;
            default:
                Breach(ViolationKind.Malformed, $"{packet.Type} from a broker");
                break;
        }
    }

    private void OnConnAck(Seen packet)
    {
        if (packet.ReturnCode != ConnectReturnCode.Accepted || ReasonCodes.IsError(packet.Reason))
        {
            Breach(ViolationKind.Refused, $"CONNACK {packet.ReturnCode} {packet.Reason}");
            return;
        }

        Note(new Happening.Connected(Name, packet.SessionPresent));
        DropReplaced();
        _isLive = true;
        _isPassing = _nextIsPassing || !_plan.IsDurable;
        _mustBeginClean = _nextIsPassing = false;
        OnWillReplaced();
        if (!packet.SessionPresent)
            ForgetSession();
        foreach (Flight flight in _outgoing.Flights)
            Send(flight, isAgain: true);
    }

    /// <summary>The will of this CONNECT stands; a lasting one before it is cancelled for good.</summary>
    private void OnWillReplaced()
    {
        if (_wills.Count == 0)
            return;
        _armedWill = _wills[^1];
        _isWillDue = false;
        foreach (Message will in _wills.SkipLast(1).Where(_ => _plan.HasLastingWill))
            Note(new Happening.WillCancelled(Name, will.Number));
        _wills.RemoveRange(0, _wills.Count - 1);
    }

    private void OnPublish(Seen packet)
    {
        if (packet.QoS == QoS.AtMostOnce)
        {
            Breach(ViolationKind.Malformed, $"QoS 0 on {packet.Topic}, where nothing is published with it");
            return;
        }

        (bool isNew, ViolationKind? breach) = _incoming.OnPublish(packet.PacketId, packet.QoS, packet.Duplicate, $"{packet.Topic} {packet.Payload}");
        Judge(breach, $"{packet.QoS} PUBLISH with identifier {packet.PacketId}, message {Message.NumberIn(packet.Payload)} on {packet.Topic}");
        if (isNew)
            Note(new Happening.Received(Name, packet.Topic, packet.Payload, packet.QoS, packet.Retain));
        AnswerInTime(packet);
    }

    private void AnswerInTime(Seen packet)
    {
        if (_plan.IsSlow)
            _late.Enqueue(packet);
        else
            Acknowledge(packet);
    }

    /// <summary>Sends what a PUBLISH or PUBREL asks for.</summary>
    private void Acknowledge(Seen packet)
    {
        PacketType type = packet.Type == PacketType.PubRel ? PacketType.PubComp : packet.QoS == QoS.ExactlyOnce ? PacketType.PubRec : PacketType.PubAck;
        if (type == PacketType.PubAck)
            _incoming.Acknowledge(packet.PacketId);
        else if (type == PacketType.PubRec)
            _incoming.Answer(packet.PacketId);
        _connection!.Gather(new AckPacket { Type = type, PacketId = packet.PacketId });
    }

    private void OnAcknowledgement(Seen packet, (Flight? Flight, ViolationKind? Breach) found)
    {
        Judge(found.Breach, $"{packet.Type} {packet.PacketId}");
        if (found.Flight is null)
            return;
        if (ReasonCodes.IsError(packet.Reason))
        {
            Breach(ViolationKind.Refused, $"message {found.Flight.Message.Number}: {packet.Reason} {packet.ReasonString}");
            return;
        }

        Note(new Happening.Acknowledged(Name, found.Flight.Message.Number));
        if (packet.Type == PacketType.PubRec)
            Send(found.Flight, isAgain: false);
    }

    private void OnSubscriptionAnswer(Seen packet)
    {
        if (!_outgoing.EndRequest(packet.PacketId) || _subscriptions.End(packet.Type == PacketType.SubAck) is not { } request)
        {
            Breach(ViolationKind.AckUnknown, $"{packet.Type} {packet.PacketId}");
            return;
        }

        if (packet.Codes.Any(code => code >= 0x80))
            Breach(ViolationKind.Refused, $"{packet.Type} {string.Join(' ', packet.Codes)}");
        foreach (PlannedFilter filter in request.Filters)
            Note(request.IsSubscribe ? new Happening.Subscribed(Name, filter.Filter) : new Happening.Unsubscribed(Name, filter.Filter));
    }

    private void OnEnd(string? fault)
    {
        if (fault is not null)
            Breach(ViolationKind.Malformed, fault);
        else if (_stage.Life == _life)
            Breach(ViolationKind.ClosedByBroker, "the connection ended");
        End();
    }

    private void Judge(ViolationKind? breach, string text)
    {
        if (breach is { } kind)
            Breach(kind, text);
    }

    private void Breach(ViolationKind kind, string text) => Note(new Happening.Breach(Name, kind, text));
}
