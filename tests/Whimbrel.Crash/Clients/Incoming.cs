using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>
/// A client's memory of what it is sent: which QoS 2 identifiers it holds, which survives connections, and what the broker has in flight, by
/// which it judges the broker's packets.
/// </summary>
internal sealed class Incoming(int receiveMaximum)
{
    private readonly Dictionary<ushort, Held> _held = [];
    private readonly Dictionary<ushort, string> _unacknowledged = [];
    private readonly HashSet<ushort> _inFlight = [];

    /// <summary>Whether QoS 2 messages await their PUBREL.</summary>
    public bool IsEmpty => _held.Count == 0 && _inFlight.Count == 0;

    /// <summary>A new connection to the same session.</summary>
    /// <param name="isSameLife">
    /// The broker has not been killed since. QoS 1 identifiers are stored without being waited for, so another life may not know them;
    /// QoS 2 identifiers it must know.
    /// </param>
    public void Resume(bool isSameLife)
    {
        _inFlight.Clear();
        if (!isSameLife)
            _unacknowledged.Clear();
    }

    /// <summary>The session is gone.</summary>
    public void Forget()
    {
        _held.Clear();
        _unacknowledged.Clear();
        _inFlight.Clear();
    }

    /// <summary>A PUBLISH with QoS 1 or 2. Whether it is for the application, and the breach, if it is one.</summary>
    public (bool IsNew, ViolationKind? Breach) OnPublish(ushort packetId, QoS qos, bool isDuplicate, string content)
    {
        if (packetId == 0)
            return (true, ViolationKind.PacketIdZero);
        if (!_inFlight.Add(packetId))
            return (true, ViolationKind.PacketIdInUse);
        ViolationKind? tooMany = _inFlight.Count > receiveMaximum ? ViolationKind.ReceiveMaximumExceeded : null;
        if (qos == QoS.AtLeastOnce)
        {
            bool isAgain = _unacknowledged.TryGetValue(packetId, out string? before);
            _unacknowledged[packetId] = content;
            if (_held.ContainsKey(packetId) || (isAgain && before != content))
                return (true, ViolationKind.PacketIdInUse);
            return (true, isAgain && !isDuplicate ? ViolationKind.DuplicateFlagMissing : tooMany);
        }

        if (_held.TryGetValue(packetId, out Held? held))
        {
            if (held.Content != content)
            {
                _held[packetId] = new Held(content);
                return (true, ViolationKind.PacketIdInUse);
            }

            return (false, isDuplicate ? tooMany : ViolationKind.DuplicateFlagMissing);
        }

        _held.Add(packetId, new Held(content));
        return (true, _unacknowledged.Remove(packetId, out string? other) && other != content ? ViolationKind.PacketIdInUse : tooMany);
    }

    /// <summary>The client sends PUBACK.</summary>
    public void Acknowledge(ushort packetId)
    {
        _unacknowledged.Remove(packetId);
        _inFlight.Remove(packetId);
    }

    /// <summary>The client sends PUBREC.</summary>
    public void Answer(ushort packetId)
    {
        if (_held.TryGetValue(packetId, out Held? held))
            held.IsAnswered = true;
    }

    /// <summary>A PUBREL. One for an identifier that is not held comes when a broker did not get the PUBCOMP, or did not keep it.</summary>
    public ViolationKind? OnPubRel(ushort packetId)
    {
        _inFlight.Remove(packetId);
        return packetId == 0 ? ViolationKind.PacketIdZero : _held.Remove(packetId, out Held? held) && !held.IsAnswered ? ViolationKind.ReleasedTooSoon : null;
    }

    private sealed class Held(string content)
    {
        public string Content => content;

        /// <summary>PUBREC was sent, on this connection or one before.</summary>
        public bool IsAnswered { get; set; }
    }
}
