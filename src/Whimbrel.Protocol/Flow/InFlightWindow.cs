using System.Diagnostics.CodeAnalysis;

namespace Whimbrel.Protocol.Flow;

/// <summary>What a sender waits for next.</summary>
public enum InFlightState : byte
{
    /// <summary>QoS 1 PUBLISH sent.</summary>
    AwaitingPubAck,

    /// <summary>QoS 2 PUBLISH sent.</summary>
    AwaitingPubRec,

    /// <summary>PUBREL sent.</summary>
    AwaitingPubComp,
}

/// <summary>One message that was sent and is not yet fully acknowledged.</summary>
public readonly record struct InFlight<T>(ushort PacketId, InFlightState State, long Order, T Item);

/// <summary>
/// The sending side of QoS 1 and 2 for one session: gives packet identifiers, holds what is not acknowledged, and counts it
/// against the receiver's Receive Maximum.
/// </summary>
/// <remarks>
/// Not thread-safe; the session's owner calls it. It survives connections: the entries are the session's "messages sent but not
/// completely acknowledged" [MQTT-4.1.0-1]. Empty windows own no memory beyond this object.
/// </remarks>
public sealed class InFlightWindow<T>
{
    private Dictionary<ushort, InFlight<T>>? _entries;
    private InFlight<T>[] _resend = [];
    private int _resendNext;
    private long _resendThrough;
    private ushort _lastId;
    private long _order;
    private int _sendMaximum = ushort.MaxValue;
    private int _outstanding;

    /// <summary>Entries not yet fully acknowledged, sent on this connection or not.</summary>
    public int Count => _entries?.Count ?? 0;

    /// <summary>The bound that <see cref="Open"/> set.</summary>
    public int SendMaximum => _sendMaximum;

    /// <summary>
    /// How many more PUBLISH packets with QoS above 0 may be sent now. The quota is given back by PUBACK, PUBCOMP or a PUBREC
    /// with an error [MQTT-4.9.0-1, MQTT-4.9.0-2], so entries that await PUBCOMP still count, those of an earlier connection as well:
    /// a peer that never completes them must not make the session grow. 0 while entries of an earlier connection wait to be sent
    /// again, because they come first.
    /// </summary>
    public int Free => HasResends ? 0 : Math.Max(0, _sendMaximum - _outstanding);

    /// <summary>Whether entries of an earlier connection are still to be sent again on this one.</summary>
    public bool HasResends => _resendNext < _resend.Length;

    /// <summary>
    /// Starts a connection: the peer's Receive Maximum, bounded by what this side allows itself, at least 1. What is not acknowledged
    /// is to be sent again, through <see cref="TryNextResend"/>: first the PUBRELs, which no quota may hold up [MQTT-3.3.4-10], then
    /// the PUBLISH packets, each in their original order [MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-4.6.0-4].
    /// </summary>
    public void Open(int sendMaximum)
    {
        _sendMaximum = Math.Clamp(sendMaximum, 1, ushort.MaxValue);
        _outstanding = 0;
        _resend = InOrder();
        Array.Sort(_resend, CompareResends);
        _resendNext = 0;
        _resendThrough = _order;
    }

    /// <summary>
    /// The next entry to send again, if there is one and the peer's Receive Maximum allows it. PUBREL needs no allowance, but counts.
    /// </summary>
    public bool TryNextResend(out InFlight<T> entry)
    {
        for (; _resendNext < _resend.Length; _resendNext++)
        {
            entry = _resend[_resendNext];
            if (!TryGet(entry.PacketId, out InFlight<T> now) || now.Order != entry.Order)
                continue;
            if (entry.State != InFlightState.AwaitingPubComp && _outstanding >= _sendMaximum)
                return false;
            _outstanding++;
            _resendNext++;
            return true;
        }

        _resend = [];
        _resendNext = 0;
        entry = default;
        return false;
    }

    /// <summary>
    /// Takes an item in and gives its packet identifier: nonzero and not in use [MQTT-2.2.1-3, MQTT-2.2.1-4].
    /// The caller has seen <see cref="Free"/> above zero. What <paramref name="isReserved"/> holds is passed over: a client's SUBSCRIBE
    /// and UNSUBSCRIBE take their identifiers from the same numbers.
    /// </summary>
    public ushort Add(T item, QoS qos, Predicate<ushort>? isReserved = null)
    {
        _entries ??= [];
        ushort id = isReserved is null ? NextId(_entries) : TakeId(isReserved);
        _entries.Add(id, new InFlight<T>(id, qos == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck : InFlightState.AwaitingPubRec, ++_order, item));
        _outstanding++;
        return id;
    }

    /// <summary>
    /// Takes back what was in flight before a restart, in the order in which it was sent, before the first <see cref="Open"/>.
    /// </summary>
    public void Restore(ushort packetId, InFlightState state, T item)
    {
        _entries ??= [];
        _entries[packetId] = new InFlight<T>(packetId, state, ++_order, item);
        _lastId = packetId;
    }

    /// <summary>
    /// Reserves an identifier that is not in use without an entry, for SUBSCRIBE and UNSUBSCRIBE of a client, which
    /// counts what is outstanding through <paramref name="isReserved"/>.
    /// </summary>
    public ushort TakeId(Predicate<ushort> isReserved)
    {
        ushort id;
        do
        {
            id = NextId(_entries);
        }
        while (isReserved(id));
        return id;
    }

    public bool TryGet(ushort packetId, out InFlight<T> entry)
    {
        if (_entries is not null)
            return _entries.TryGetValue(packetId, out entry);
        entry = default;
        return false;
    }

    /// <summary>Removes the entry that PUBACK, PUBCOMP or a refusing PUBREC completes, if it is in one of the two states given.</summary>
    public bool TryComplete(ushort packetId, InFlightState expected, [MaybeNullWhen(false)] out T item)
    {
        if (TryGet(packetId, out InFlight<T> entry) && entry.State == expected)
        {
            _entries!.Remove(packetId);
            if (!IsToBeResent(entry))
                _outstanding--;
            item = entry.Item;
            return true;
        }

        item = default;
        return false;
    }

    /// <summary>
    /// PUBREC: from now on PUBREL is owed and the PUBLISH is never sent again [MQTT-4.3.3-5, MQTT-4.3.3-6]. The entry moves to the
    /// end of the order, because PUBRELs are resent in the order of the PUBRECs. True as well when PUBREL was already owed.
    /// </summary>
    public bool TryReceived(ushort packetId, T released)
    {
        if (!TryGet(packetId, out InFlight<T> entry))
            return false;
        if (entry.State == InFlightState.AwaitingPubRec)
        {
            if (IsToBeResent(entry))
                _outstanding++;
            _entries![packetId] = new InFlight<T>(packetId, InFlightState.AwaitingPubComp, ++_order, released);
        }

        return entry.State is InFlightState.AwaitingPubRec or InFlightState.AwaitingPubComp;
    }

    /// <summary>All entries in the order in which they must be sent again [MQTT-4.6.0-1].</summary>
    public InFlight<T>[] InOrder()
    {
        if (_entries is null || _entries.Count == 0)
            return [];
        var entries = new InFlight<T>[_entries.Count];
        _entries.Values.CopyTo(entries, 0);
        Array.Sort(entries, static (a, b) => a.Order.CompareTo(b.Order));
        return entries;
    }

    /// <summary>Forgets everything: the session has ended.</summary>
    public void Clear()
    {
        _entries = null;
        _resend = [];
        _resendNext = 0;
        _outstanding = 0;
    }

    /// <summary>Whether the entry has not been sent on this connection, so that it does not count yet: its peer may know it from the last one.</summary>
    private bool IsToBeResent(in InFlight<T> entry) =>
        HasResends && entry.Order <= _resendThrough && CompareResends(entry, _resend[_resendNext]) >= 0;

    private static int CompareResends(InFlight<T> a, InFlight<T> b)
    {
        bool released = a.State == InFlightState.AwaitingPubComp;
        return released == (b.State == InFlightState.AwaitingPubComp) ? a.Order.CompareTo(b.Order) : released ? -1 : 1;
    }

    private ushort NextId(Dictionary<ushort, InFlight<T>>? entries)
    {
        do
        {
            _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
        }
        while (entries is not null && entries.ContainsKey(_lastId));
        return _lastId;
    }
}
