namespace Whimbrel.Protocol.Flow;

/// <summary>
/// Counts the QoS 1 and 2 PUBLISH packets that the peer has sent and this side has not completed, against the Receive Maximum
/// that this side announced [MQTT-3.3.4-7, MQTT-3.3.4-9]. Starts anew with each connection.
/// </summary>
public struct ReceiveQuota
{
    private readonly ushort _maximum;
    private ushort _free;

    public ReceiveQuota(ushort receiveMaximum) => _maximum = _free = receiveMaximum;

    /// <summary>Whether the peer may send no more.</summary>
    public readonly bool IsExhausted => _free == 0;

    /// <summary>False when the peer has exceeded the maximum: answer 0x93 and close.</summary>
    public bool TryTake()
    {
        if (_free == 0)
            return false;
        _free--;
        return true;
    }

    /// <summary>A PUBACK, PUBCOMP or refusing PUBREC was sent.</summary>
    public void GiveBack() => _free = (ushort)Math.Min(_free + 1, _maximum);
}
