namespace Whimbrel.Simulation;

/// <summary>
/// The bugs that show that the checkers can fail. They are not switches in the product: each is written into a copy of the source, which
/// is built and run until a world breaks a rule.
/// </summary>
internal static class MutationTable
{
    private const string Storing = "src/Whimbrel.Broker/Sessions/Session.Storing.cs";
    private const string Inbound = "src/Whimbrel.Broker/Sessions/Session.Inbound.cs";
    private const string Outbound = "src/Whimbrel.Broker/Sessions/Session.Outbound.cs";
    private const string Recovery = "src/Whimbrel.Broker/Sessions/Session.Recovery.cs";
    private const string Session = "src/Whimbrel.Broker/Sessions/Session.cs";
    private const string Journal = "src/Whimbrel.Broker/Durability/Journal.cs";
    private const string Window = "src/Whimbrel.Protocol/Flow/InFlightWindow.cs";

    public static IReadOnlyList<Mutation> All { get; } =
    [
        new("PUBACK before the commit", Storing, "if (MustWait(position))", "if (type != PacketType.PubAck && MustWait(position))"),
        new("PUBREC before the commit", Storing, "if (MustWait(position))", "if (type != PacketType.PubRec && MustWait(position))"),
        new("PUBREL before its commit", Storing, "if (MustWait(position))", "if (type != PacketType.PubRel && MustWait(position))"),
        new("PUBCOMP before the release is stored", Storing, "if (MustWait(position))", "if (type != PacketType.PubComp && MustWait(position))"),
        new("SUBACK before the commit", Storing, "if (Connection is { } connection && MustWait(Position))", "if (Connection is { } connection && _held is { Count: > 0 })"),
        new("CONNACK before the commit", Storing, "bool waits = MustWait(", "bool waits = _held is { ConnAck: not null } && MustWait("),
        new("QoS 2 PUBLISH sent before its packet identifier is stored", Outbound, "bool waits = copy.QoS == QoS.ExactlyOnce;", "bool waits = copy.QoS == QoS.AtMostOnce;"),
        new("inbound QoS 2 identifiers forgotten at the start", Recovery, "(_received ??= new()).Add(packetId);", "_ = packetId;"),
        new(
            "inbound QoS 2 identifier in the batch after its message's",
            Journal,
            "_open.Position = batch.Position + 1;",
            "_open.Position = batch.Position + 1; if (batch.Messages.Count > 0) { foreach ((StoreBatch.ReceivedKey key, bool held) in batch.Received) _open.Received[key] = held; batch.Received.Clear(); }"),
        new("acknowledgement floor too high", "src/Whimbrel.Broker/Durability/AcknowledgedRuns.cs", "if (sequence == Floor + 1)", "if (sequence > Floor)"),
        new("acknowledgements of messages that others need not stored", Journal, "_open.Dirty.Add(session);", ";"),
        new("end of a session not stored", Storing, "turn.Routes.Enqueue(new Route(null, waiting, 0, Change: ended));", "turn.Routes.Enqueue(new Route(null, waiting, 0, Change: ended.WillNumber < 0 ? ended : null));"),
        new(
            "clearing of a retained message not stored",
            "src/Whimbrel.Broker/Retained/RetainedStore.cs",
            "position = ToJournal(message.Topic, outcome == RetainedOutcome.Stored ? message : null);",
            "position = outcome == RetainedOutcome.Stored ? ToJournal(message.Topic, message) : 0;"),
        new("message identifiers given twice after a restart", Journal, "_lastMessageId = lastMessageId;", "_lastMessageId = lastMessageId - lastMessageId;"),
        new("session numbers given twice after a restart", Journal, "_lastSessionNumber = lastSessionNumber;", "_lastSessionNumber = lastSessionNumber - lastSessionNumber;"),
        new("sequence numbers given twice after a restart", "src/Whimbrel.Broker/Durability/RecoveredSession.cs", "Stored.LastSequence = _lastSequence;", "Stored.LastSequence = Deliveries.Count;"),
        new("a will's delay not waited for", Session, "Message.Never : _since + (will.DelaySeconds * 1000L);", "Message.Never : _since;"),
        new("end of a will not stored with its message", Session, "_stored is { WillNumber: not 0 } stored ?", "_stored is { WillNumber: < 0 } stored ?"),
        new("message elided although somebody still needs it", Journal, "message.Remaining--;", "message.Remaining = 0;"),
        new("DUP forgotten in a restart", "src/Whimbrel.Broker/Durability/Recovery.cs", "kept.WasSent = true;", "kept.WasSent = false;"),
        new("messages sent again in the wrong order", Window, "Array.Sort(_resend, CompareResends);", "Array.Sort(_resend, static (a, b) => CompareResends(b, a));"),
        new("Receive Maximum exceeded when sending again", Window, "if (entry.State != InFlightState.AwaitingPubComp && _outstanding >= _sendMaximum)", "if (_sendMaximum == 0)"),
        new("session expiry begins again with every start", Recovery, "_since = state.DisconnectedAt == Message.Never ? turn.Now : state.DisconnectedAt;", "_since = turn.Now;"),
        new("end of a subscription not stored", Inbound, "Remember(Journal.Append(new SubscriptionEnded(stored.Number, subscription!.FilterText)));", "_ = stored;"),
        new("owed PUBRELs forgotten at the start", Recovery, "Window().Restore(packetId, InFlightState.AwaitingPubComp, StoredCopy.Released(recovered.Stored, sequence, packetId));", "_ = sequence;"),
        new("old copy of a shared message that was handed over stays", Session, "Change: new CopyDone(copy), Stored: Journal.HandOver(copy)", "Stored: Journal.HandOver(copy)"),
        new("message that may have been put twice removed as if once", "src/Whimbrel.Storage/Layout/LayoutStore.cs", "_tainted = Math.Max(_tainted, batch.LastMessageId);", "_tainted = Math.Max(_tainted, 0);"),
        new("packet identifier freed at PUBREC", Journal, "if (!keepsPacketId)", "if (!keepsPacketId || copy.QoS == QoS.ExactlyOnce)"),
    ];
}
