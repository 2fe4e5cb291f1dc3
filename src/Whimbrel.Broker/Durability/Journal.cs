using System.Diagnostics;
using Whimbrel.Protocol;

namespace Whimbrel.Broker;

/// <summary>
/// Collects what all sessions want stored into one open batch, for one writer who takes it as a whole. While a batch is being written
/// the next one gathers: group commit without a timer. What is undone before its batch is taken is never written: a message that all
/// its receivers acknowledged, a packet identifier that is free again, a retained value that another one replaced.
/// </summary>
/// <remarks>
/// Thread-safe: one lock, innermost of all (taken under gates and the retained store's), held for a few instructions. A method that
/// stores something returns the position of the batch that it went into; an acknowledgement leaves once <see cref="Committed"/> has
/// reached that position. Position 0 has always been reached.
/// </remarks>
internal sealed class Journal
{
    /// <summary>The position of what was on disk when the broker started.</summary>
    public const long BeforeStart = -1;

    private const int KeptChangesMax = 100_000;

    private const long CrowdedBytes = 32 * 1024 * 1024;

    private readonly Lock _lock = new();
    private StoreBatch _open = new() { Position = 1 };
    private StoreBatch? _taken;
    private StoreBatch? _spare;
    private IWakeable? _writer;
    private long _committed;
    private long _lastMessageId;
    private long _lastSessionNumber;
    private long _openBytes;
    private volatile bool _isFull;

    /// <summary>Whether anybody writes what is collected. Without a store nothing is collected and nothing waits.</summary>
    public bool IsOn => _writer is not null;

    /// <summary>Everything up to this position is on disk.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>Whether the store has no room: what would make it grow is refused, what makes it smaller is collected.</summary>
    public bool IsFull
    {
        get => _isFull;
        set => _isFull = value;
    }

    /// <summary>Whether more waits to be written than the writer keeps up with: who waits for it should send no more for now.</summary>
    public bool IsCrowded => Volatile.Read(ref _openBytes) > CrowdedBytes;

    /// <summary>Begins collecting for a writer, which is woken when somebody waits for the open batch.</summary>
    public void Open(IWakeable writer) => _writer = writer;

    /// <summary>Numbers go on behind those that may have been given before the start.</summary>
    public void Continue(long lastMessageId, long lastSessionNumber)
    {
        _lastMessageId = lastMessageId;
        _lastSessionNumber = lastSessionNumber;
    }

    /// <summary>A number for a session that begins.</summary>
    public StoredSession Begin(SessionGate gate)
    {
        lock (_lock)
            return new StoredSession(++_lastSessionNumber, gate, new AcknowledgedRuns());
    }

    /// <summary>Puts changes into the batch, all of them into the same.</summary>
    public long Append(params ReadOnlySpan<StoreChange> changes)
    {
        lock (_lock)
        {
            foreach (StoreChange change in changes)
                Apply(change);
            return _open.Position;
        }
    }

    /// <summary>
    /// Puts a message into the batch, after its routing, with those of its copies that are still needed; and with it, in the same batch,
    /// what must not be there without it.
    /// </summary>
    /// <param name="copies">Copies of one message; none when nobody keeps it.</param>
    /// <param name="change">What goes with it, or null.</param>
    public long Append(List<StoredCopy> copies, StoreChange? change)
    {
        long position = 0;
        bool woke = false;
        lock (_lock)
        {
            foreach (StoredCopy copy in copies)
            {
                position = _open.Position;
                // Needed no more, before its routing was over: acknowledged, or another session took it over, which is in a batch by now.
                if (copy.IsDone)
                    continue;
                Keep(copy);
                // Who sends it with QoS 2 waits, and did not know for what.
                if (copy.PacketId != 0 && copy.QoS == QoS.ExactlyOnce)
                    woke |= AddWaiting(_open, copy.Session.Gate);
            }

            // After the copies: a copy that takes another's place keeps the message.
            if (change is not null)
            {
                woke |= Apply(change);
                position = _open.Position;
            }
        }

        if (woke)
            _writer?.Wake();
        return position;
    }

    /// <summary>A copy is sent with a packet identifier. The position is 0 while the copy is still being routed: then its own counts.</summary>
    public long Sent(StoredCopy copy, ushort packetId)
    {
        lock (_lock)
        {
            copy.PacketId = packetId;
            // The message may be on disk without this copy.
            if (!copy.IsKept)
                return 0;
            if (copy.Message.State != StoredMessageState.Written)
                return copy.Message.Position;
            _open.Sent[KeyOf(copy)] = packetId;
            return copy.SentPosition = _open.Position;
        }
    }

    /// <summary>
    /// The session needs the message no more: acknowledged, dropped or expired. A QoS 2 identifier stays until <see cref="Completed"/>.
    /// </summary>
    public long Done(StoredCopy copy, bool keepsPacketId)
    {
        lock (_lock)
        {
            Finish(copy);
            if (!keepsPacketId)
                Complete(copy);
            else if (copy.SentPosition == 0)
                WriteSent(copy);
            return _open.Position;
        }
    }

    /// <summary>PUBCOMP: the identifier is free.</summary>
    public void Completed(StoredCopy copy)
    {
        lock (_lock)
            Complete(copy);
    }

    public long Retain(ReadOnlySpan<byte> topic, Message? message)
    {
        if (!IsOn)
            return 0;
        lock (_lock)
        {
            _open.Retained[topic.ToArray()] = message;
            return _open.Position;
        }
    }

    /// <summary>A message that the store holds and nobody needs.</summary>
    public void Remove(StoredMessage message)
    {
        lock (_lock)
            _open.RemovedMessages.Add(message);
    }

    /// <summary>The batch that holds where a copy was sent; 0 while that is not known yet.</summary>
    public long PositionOf(StoredCopy copy)
    {
        lock (_lock)
            return copy.SentPosition != 0 ? copy.SentPosition : copy.IsKept ? copy.Message.Position : 0;
    }

    /// <summary>
    /// A copy goes to another session: <see cref="CopyDone"/> follows, perhaps after the end of its own session, which is stored behind it.
    /// </summary>
    /// <returns>
    /// The message to add the other session's copy to; null while it is still being routed: nothing would keep it until all its copies are
    /// there, and the other session gets a message of its own.
    /// </returns>
    public StoredMessage? HandOver(StoredCopy copy)
    {
        lock (_lock)
        {
            copy.Session.Departing++;
            return copy.IsKept ? copy.Message : null;
        }
    }

    /// <summary>The will of a session is on its way: <see cref="WillEnded"/> follows, perhaps after the end of the session, which is stored behind it.</summary>
    public WillEnded EndWill(StoredSession session)
    {
        lock (_lock)
            session.Departing++;
        var ended = new WillEnded(session.Number, session.WillNumber) { DepartsFrom = session };
        session.WillNumber = 0;
        return ended;
    }

    /// <summary>The batch that holds the end of a session, 0 while that waits. When it need not wait any more the session's gate is woken.</summary>
    public long EndOf(StoredSession session)
    {
        lock (_lock)
            return session.EndPosition;
    }

    /// <summary>The batch after which no session of a client that has ended so far comes back.</summary>
    public long EndOf(string clientId)
    {
        lock (_lock)
        {
            return _open.EndedClients.Contains(clientId) ? _open.Position
                : _taken is not null && _taken.EndedClients.Contains(clientId) ? _taken.Position : BeforeStart;
        }
    }

    /// <summary>Asks for somebody to be woken once a position is committed.</summary>
    /// <returns>False when it is committed already: there is nothing to wait for.</returns>
    public bool Await(long position, IWakeable waiter)
    {
        if (position <= Committed)
            return false;
        bool woke;
        lock (_lock)
        {
            if (position <= _committed)
                return false;
            woke = AddWaiting(position == _open.Position ? _open : _taken!, waiter);
        }

        if (woke)
            _writer?.Wake();
        return true;
    }

    /// <summary>Wakes the writer for what nobody waits for: to be called now and then.</summary>
    public void Nudge()
    {
        bool pending;
        lock (_lock)
            pending = !_open.IsEmpty || _open.Dirty.Count > 0;
        if (pending)
            _writer?.Wake();
    }

    /// <summary>Gives the open batch to the writer and begins the next one; null when there is nothing and nobody waits.</summary>
    public StoreBatch? Take()
    {
        lock (_lock)
        {
            Debug.Assert(_taken is null, "the batch before has not been committed");
            StoreBatch batch = _open;
            if (batch.IsEmpty && batch.Dirty.Count == 0 && batch.Waiting.Count == 0)
                return null;
            _open = _spare ?? new StoreBatch();
            _spare = null;
            _open.Position = batch.Position + 1;
            Volatile.Write(ref _openBytes, 0);
            _taken = batch;
            Freeze(batch);
            return batch;
        }
    }

    /// <summary>The batch that was taken is on disk: whoever waited for it is woken.</summary>
    public void Commit(StoreBatch batch)
    {
        lock (_lock)
        {
            Debug.Assert(ReferenceEquals(_taken, batch), "only the batch that was taken can be committed");
            Volatile.Write(ref _committed, batch.Position);
            _taken = null;
        }

        // Nobody adds to it any more: the position is committed.
        foreach (IWakeable waiter in batch.Waiting)
            waiter.Wake();
        foreach (StoredMessage message in batch.Messages)
            message.ForgetCopies();
        // The memory of an extraordinary batch is not kept for the ordinary ones that follow.
        if (batch.Count > KeptChangesMax)
            return;
        batch.Clear();
        lock (_lock)
            _spare = batch;
    }

    private void Keep(StoredCopy copy)
    {
        StoredMessage message = copy.Message;
        copy.IsKept = true;
        message.Remaining++;
        if (message.State == StoredMessageState.Written)
        {
            _open.AddedCopies.Add(copy);
            (message.Added ??= []).Add(KeyOf(copy));
            if (copy.PacketId != 0)
                WriteSent(copy);
            return;
        }

        message.AddCopy(copy);
        if (message.State == StoredMessageState.Pending)
            return;
        message.State = StoredMessageState.Pending;
        message.Position = _open.Position;
        message.Id = ++_lastMessageId;
        _open.Messages.Add(message);
        Volatile.Write(ref _openBytes, _openBytes + message.Message.Size);
    }

    /// <returns>Whether the writer is to be woken.</returns>
    private bool Apply(StoreChange change)
    {
        switch (change)
        {
            case PacketReceived(long session, ushort packetId):
                _open.Received[new StoreBatch.ReceivedKey(session, packetId)] = true;
                break;
            case PacketReleased(long session, ushort packetId):
                _open.Received[new StoreBatch.ReceivedKey(session, packetId)] = false;
                break;
            case CopyDone(StoredCopy copy):
                Finish(copy);
                Complete(copy);
                return Departed(copy.Session);
            case WillEnded { DepartsFrom: { } session }:
                _open.Changes.Add(change);
                return Departed(session);
            case SessionEnded { Session.Departing: > 0 } ended:
                ended.Session.WaitingEnd = ended;
                break;
            case SessionEnded ended:
                End(ended);
                break;
            default:
                _open.Changes.Add(change);
                break;
        }

        return false;
    }

    /// <summary>Something that was on its way from a session is stored where it went.</summary>
    private bool Departed(StoredSession session)
    {
        if (--session.Departing > 0 || session.WaitingEnd is not { } ended)
            return false;
        session.WaitingEnd = null;
        End(ended);
        return AddWaiting(_open, session.Gate);
    }

    private void End(SessionEnded ended)
    {
        ended.Session.IsEnded = true;
        ended.Session.EndPosition = _open.Position;
        _open.EndedClients.Add(ended.Session.Gate.ClientId);
        _open.Changes.Add(ended);
    }

    private void Finish(StoredCopy copy)
    {
        if (copy.IsDone)
            return;
        copy.IsDone = true;
        copy.Session.Acknowledged.Add(copy.Sequence);
        StoredMessage message = copy.Message;
        if (!copy.IsKept)
            return;
        message.Remaining--;
        if (message.State == StoredMessageState.Pending)
            return;
        if (message.Remaining == 0)
        {
            _open.RemovedMessages.Add(message);
        }
        else if (copy.Session is { IsDirty: false, IsEnded: false } session)
        {
            session.IsDirty = true;
            _open.Dirty.Add(session);
        }
    }

    private void Complete(StoredCopy copy)
    {
        // Not written, or not yet: then it never will be.
        if (copy.SentPosition != 0 && !_open.Sent.Remove(KeyOf(copy)))
            _open.Completed.Add(KeyOf(copy));
        copy.PacketId = 0;
        copy.SentPosition = 0;
    }

    private void WriteSent(StoredCopy copy)
    {
        _open.Sent[KeyOf(copy)] = copy.PacketId;
        copy.SentPosition = _open.Position;
    }

    private void Freeze(StoreBatch batch)
    {
        batch.LastMessageId = _lastMessageId;
        batch.LastSessionNumber = _lastSessionNumber;
        foreach (StoredMessage message in batch.Messages)
        {
            message.State = message.Remaining == 0 ? StoredMessageState.New : StoredMessageState.Written;
            message.RemoveDoneCopies();
            foreach (StoredCopy copy in message.Copies)
            {
                if (copy.PacketId == 0)
                    continue;
                batch.Sent[KeyOf(copy)] = copy.PacketId;
                copy.SentPosition = batch.Position;
            }
        }

        batch.Messages.RemoveAll(static message => message.State == StoredMessageState.New);
        foreach (StoredSession session in batch.Dirty)
        {
            session.IsDirty = false;
            if (!session.IsEnded)
                batch.Acknowledged.Add(new StoreBatch.AcknowledgedState(session.Number, session.Acknowledged.Floor, [.. session.Acknowledged.Runs]));
        }
    }

    /// <returns>Whether the writer is to be woken: it is the first who waits for the open batch.</returns>
    private bool AddWaiting(StoreBatch batch, IWakeable waiter)
    {
        if (batch.Waiting.Count == 0 || !ReferenceEquals(batch.Waiting[^1], waiter))
            batch.Waiting.Add(waiter);
        bool first = !batch.IsUrgent;
        batch.IsUrgent = true;
        return first && ReferenceEquals(batch, _open);
    }

    private static StoreBatch.SentKey KeyOf(StoredCopy copy) => new(copy.Session.Number, copy.Sequence);
}
