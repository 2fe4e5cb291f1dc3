namespace Whimbrel.Protocol;

/// <summary>The Connect Flags byte and its rules (section 3.1.2.3).</summary>
internal readonly record struct ConnectFlags(byte Bits)
{
    internal bool CleanStart => (Bits & 0x02) != 0;

    internal bool HasWill => (Bits & 0x04) != 0;

    internal QoS WillQoS => (QoS)((Bits >> 3) & 0x03);

    internal bool WillRetain => (Bits & 0x20) != 0;

    internal bool HasPassword => (Bits & 0x40) != 0;

    internal bool HasUserName => (Bits & 0x80) != 0;

    internal static ConnectFlags Of(scoped in ConnectPacket packet)
    {
        int bits = (packet.CleanStart ? 0x02 : 0) | (packet.HasPassword ? 0x40 : 0) | (packet.HasUserName ? 0x80 : 0);
        if (packet.HasWill)
        {
            bits |= 0x04 | ((int)packet.WillQoS << 3) | (packet.WillRetain ? 0x20 : 0);
        }

        return new ConnectFlags((byte)bits);
    }

    /// <summary>
    /// Reserved bit [MQTT-3.1.2-3] (unused and not checked in MQTT 3.1), Will QoS [MQTT-3.1.2-12] and flags without a Will
    /// [MQTT-3.1.2-11] [MQTT-3.1.2-13]; in 3.x no password without a user name [MQTT-3.1.2-22].
    /// </summary>
    internal Violation Check(ProtocolVersion version)
    {
        if ((Bits & 0x01) != 0 && version != ProtocolVersion.Mqtt31)
        {
            return Violation.Malformed("Reserved connect flag is set");
        }

        if (WillQoS > QoS.ExactlyOnce)
        {
            return Violation.Malformed("Will QoS is 3");
        }

        if (!HasWill && (Bits & 0x38) != 0)
        {
            return Violation.Malformed("Will QoS or Will Retain without Will");
        }

        return HasPassword && !HasUserName && version != ProtocolVersion.Mqtt50
            ? Violation.Malformed("Password without User Name")
            : default;
    }
}
