using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>
/// A client's memory of what it publishes: survives connections and ends with the session. Gives out the lowest free packet identifier, so
/// that the same few are used again at once, which is what a broker with a stale memory of them cannot stand.
/// </summary>
internal sealed class Outgoing
{
    private readonly List<Flight> _flights = [];
    private ushort _requestId;

    public int Count => _flights.Count;

    public IReadOnlyList<Flight> Flights => _flights;

    /// <summary>A new message: it is to be sent now.</summary>
    public Flight Begin(Message message)
    {
        var flight = new Flight(FreeId(), message);
        _flights.Add(flight);
        return flight;
    }

    /// <summary>The packet identifier of a SUBSCRIBE or UNSUBSCRIBE, of which there is one at a time.</summary>
    public ushort BeginRequest() => _requestId = FreeId();

    public bool EndRequest(ushort packetId)
    {
        bool isMine = packetId != 0 && packetId == _requestId;
        _requestId = isMine ? (ushort)0 : _requestId;
        return isMine;
    }

    /// <summary>A new connection to the same session: everything is to be sent again, in this order.</summary>
    public void Resume() => _requestId = 0;

    /// <summary>The session is gone.</summary>
    public void Forget()
    {
        _flights.Clear();
        _requestId = 0;
    }

    /// <summary>PUBACK. The flight that it ends, unless there is none; the breach, if it is one.</summary>
    public (Flight? Flight, ViolationKind? Breach) OnPubAck(ushort packetId) => End(packetId, QoS.AtLeastOnce, isReleased: false);

    /// <summary>PUBREC. With an error it ends the flight; else PUBREL is to be sent.</summary>
    public (Flight? Flight, ViolationKind? Breach) OnPubRec(ushort packetId, bool isError)
    {
        if (isError)
            return End(packetId, QoS.ExactlyOnce, isReleased: false);
        (Flight? flight, ViolationKind? breach) = Find(packetId, QoS.ExactlyOnce, isReleased: false);
        if (flight is not null)
            flight.IsReleased = true;
        return (flight, breach);
    }

    public (Flight? Flight, ViolationKind? Breach) OnPubComp(ushort packetId) => End(packetId, QoS.ExactlyOnce, isReleased: true);

    private (Flight? Flight, ViolationKind? Breach) End(ushort packetId, QoS qos, bool isReleased)
    {
        (Flight? flight, ViolationKind? breach) = Find(packetId, qos, isReleased);
        if (flight is not null)
            _flights.Remove(flight);
        return (flight, breach);
    }

    private (Flight? Flight, ViolationKind? Breach) Find(ushort packetId, QoS qos, bool isReleased)
    {
        // All flights of one state were sent in this order on this connection, so the first is the next to be acknowledged.
        Flight? flight = _flights.Find(f => f.PacketId == packetId && f.Message.QoS == qos && f.IsReleased == isReleased);
        Flight? first = _flights.Find(f => f.Message.QoS == qos && f.IsReleased == isReleased);
        return (flight, flight is null ? ViolationKind.AckUnknown : flight != first ? ViolationKind.AckOutOfOrder : null);
    }

    private ushort FreeId()
    {
        ushort id = 1;
        while (id == _requestId || _flights.Exists(f => f.PacketId == id))
            id++;
        return id;
    }
}

/// <summary>One publish that has not been acknowledged to its end.</summary>
internal sealed class Flight(ushort packetId, Message message)
{
    public ushort PacketId => packetId;

    public Message Message => message;

    /// <summary>PUBREC has come; PUBCOMP is awaited.</summary>
    public bool IsReleased { get; set; }
}
