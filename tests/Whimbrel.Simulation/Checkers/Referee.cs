using Whimbrel.Protocol;

namespace Whimbrel.Simulation;

/// <summary>
/// After every turn of the broker: tells the model what the broker was told, and has the checkers look at what it did about it.
/// </summary>
internal sealed class Referee(World world)
{
    private readonly AnswerChecker _answers = new(world);
    private readonly DeliveryChecker _deliveries = new(world);

    private ReferenceModel Model => world.Model;

    public void Judge(TurnRecord record)
    {
        foreach ((SimulatedLink link, Heard heard) in record.Heard)
            OnHeard(link, heard, record);
        foreach (SimulatedLink link in record.Lost)
            Model.Lost(link.Number, world.Agenda.Now);
        if (record.IsHeartbeat)
            Model.Heartbeat(world.Agenda.Now);
        foreach (SimulatedLink link in record.Closing)
        {
            world.Trace.Add($"{link.Peer}: the broker closes");
            Model.Lost(link.Number, world.Agenda.Now);
        }

        world.Events.Judge(record);
        foreach (SimulatedLink link in record.Spoke)
        {
            foreach (Seen seen in link.TakeSaid())
                OnSaid(link, seen);
        }
    }

    private void OnHeard(SimulatedLink link, Heard heard, TurnRecord record)
    {
        LinkWatch watch = link.Watch;
        if (heard.Type != PacketType.PingReq)
            world.Trace.Add($"{link.Peer}: > {Describe(heard)}");
        if (heard.Type == PacketType.Connect)
        {
            OnConnect(watch, heard, record);
            return;
        }

        if (Model.State.SessionOf(link.Number) is not { } session)
            return;
        switch (heard.Type)
        {
            case PacketType.Publish:
                OnPublish(watch, session, heard, record);
                break;
            case PacketType.PubAck or PacketType.PubComp:
                Model.Acknowledge(session, heard.Type, heard.PacketId);
                watch.Outstanding.Remove(heard.PacketId);
                break;
            case PacketType.PubRec:
                Model.Acknowledge(session, heard.Type, heard.PacketId);
                watch.PubRels.Enqueue(new AwaitedAck(heard.PacketId, session.Released.GetValueOrDefault(heard.PacketId)));
                break;
            case PacketType.PubRel:
                bool known = Model.PubRel(session, heard.PacketId);
                watch.PubComps.Enqueue(new AwaitedAck(heard.PacketId, known && session.IsDurable ? Model.State.Ops : 0));
                break;
            case PacketType.Subscribe when record.RefusedSubscription(session.ClientId):
                watch.SubAcks.Add(new AwaitedAck(heard.PacketId, 0, Refused: true));
                break;
            case PacketType.Subscribe:
                Model.Subscribe(session, heard);
                watch.SubAcks.Add(new AwaitedAck(heard.PacketId, session.IsDurable ? Model.State.Ops : 0));
                break;
            case PacketType.Unsubscribe:
                bool ended = Model.Unsubscribe(session, heard);
                watch.SubAcks.Add(new AwaitedAck(heard.PacketId, ended && session.IsDurable ? Model.State.Ops : 0));
                break;
            case PacketType.Disconnect:
                Model.Disconnect(session, heard, world.Agenda.Now);
                break;
            default:
                break;
        }
    }

    private void OnConnect(LinkWatch watch, Heard connect, TurnRecord record)
    {
        watch.Connect = connect;
        watch.IsRefused = record.RefusedConnection(connect.ClientId);
        if (watch.IsRefused)
            return;
        (watch.Present, bool needsDisk) = Model.Connect(watch.Number, connect, world.Agenda.Now);
        // Without room a client that has a session is let in, and only the news about it waits.
        watch.ConnectOp = needsDisk && !world.Server.IsFull ? Model.State.Ops : 0;
    }

    private void OnPublish(LinkWatch watch, ModelSession session, Heard publish, TurnRecord record)
    {
        Publication publication = publish.Publication!;
        bool isRepetition = publication.QoS == QoS.ExactlyOnce && session.Received.ContainsKey(publish.PacketId);
        bool refused = !isRepetition && publication.QoS != QoS.AtMostOnce && record.Refused(session.ClientId, publication.Topic);
        bool matched = refused || Model.Publish(session, publish, world.Agenda.Now, out isRepetition);
        if (publication.QoS == QoS.AtLeastOnce)
            watch.PubAcks.Enqueue(new AwaitedAck(publish.PacketId, Model.State.Ops, publication, matched, refused));
        else if (publication.QoS == QoS.ExactlyOnce)
            watch.PubRecs.Enqueue(new AwaitedAck(publish.PacketId, session.Received.GetValueOrDefault(publish.PacketId), publication, matched, refused));
    }

    private void OnSaid(SimulatedLink link, Seen seen)
    {
        LinkWatch watch = link.Watch;
        if (seen.Type != PacketType.PingResp)
            world.Trace.Add($"{link.Peer}: < {Describe(seen)}");
        if (watch.SaidGoodbye)
            throw new ViolationException("goodbye", $"{seen.Type} to {link.Peer} after DISCONNECT");
        if (!watch.IsAccepted && seen.Type != PacketType.ConnAck)
            throw new ViolationException("CONNACK first", $"{seen.Type} to {link.Peer} before CONNACK");
        if (watch.Connect is { } connect && (uint)seen.Length > connect.PacketSizeMax)
            throw new ViolationException("maximum packet size", $"{seen.Length} bytes to {link.Peer}, which takes {connect.PacketSizeMax}");
        if (seen.Type == PacketType.Publish)
            _deliveries.OnPublish(link, seen);
        else
            _answers.OnAnswer(link, seen);
    }

    private static string Describe(Heard heard) => heard.Type switch
    {
        PacketType.Connect => $"CONNECT {heard.Version}{(heard.CleanStart ? " clean" : "")} expiry {heard.ExpirySeconds}{(heard.Will is { } will ? $" will {will} in {heard.WillDelaySeconds} s" : "")}",
        PacketType.Publish => $"PUBLISH {heard.PacketId}{(heard.Duplicate ? " dup" : "")} {heard.Publication}",
        PacketType.Subscribe or PacketType.Unsubscribe =>
            $"{heard.Type} {heard.PacketId} {string.Join(" ", heard.Filters.Select(filter => $"{filter.Filter}:{filter.Options.Bits:X2}"))}",
        PacketType.Disconnect => $"DISCONNECT {heard.Reason} expiry {heard.ExpirySeconds}",
        _ => $"{heard.Type} {heard.PacketId}",
    };

    private static string Describe(Seen seen) => seen.Type switch
    {
        PacketType.ConnAck => $"CONNACK {(seen.ReturnCode != 0 ? seen.ReturnCode : seen.Reason)}{(seen.SessionPresent ? " present" : "")}",
        PacketType.Publish => $"PUBLISH {seen.PacketId} q{(int)seen.QoS}{(seen.Duplicate ? " dup" : "")}{(seen.Retain ? " retain" : "")} {Publication.NameOf(seen.Topic, seen.Payload)} to {seen.Topic}",
        PacketType.Disconnect => $"DISCONNECT {seen.Reason}",
        PacketType.SubAck or PacketType.UnsubAck => $"{seen.Type} {seen.PacketId} {Convert.ToHexString(seen.Codes)}",
        _ => $"{seen.Type} {seen.PacketId} {seen.Reason}",
    };
}
