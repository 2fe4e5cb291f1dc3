using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class AckPacketTests
{
    public static TheoryData<PacketType, byte> Acks => new()
    {
        { PacketType.PubAck, 0x40 },
        { PacketType.PubRec, 0x50 },
        { PacketType.PubRel, 0x62 },
        { PacketType.PubComp, 0x70 },
    };

    [Theory]
    [MemberData(nameof(Acks))]
    public void All_versions_read_and_write_two_bytes_for_success(PacketType type, byte first)
    {
        foreach (ProtocolVersion version in Wire.Versions)
        {
            byte[] bytes = [first, 2, 0x12, 0x34];
            Assert.True(AckPacket.TryParse(Wire.Cut(bytes), version, out AckPacket packet, out _));
            Assert.Equal(type, packet.Type);
            Assert.Equal(0x1234, packet.PacketId);
            Assert.Equal(ReasonCode.Success, packet.Reason);
            Assert.Equal(bytes, Wire.Write(packet, version));
        }
    }

    [Theory]
    [MemberData(nameof(Acks))]
    public void MQTT_50_has_shorter_forms_and_writes_the_shortest(PacketType type, byte first)
    {
        ReasonCode failure = type is PacketType.PubRel or PacketType.PubComp
            ? ReasonCode.PacketIdentifierNotFound
            : ReasonCode.QuotaExceeded;
        byte code = (byte)failure;
        Expect([first, 3, 0, 1, code], [first, 3, 0, 1, code], failure, "");
        Expect([first, 4, 0, 1, code, 0], [first, 3, 0, 1, code], failure, "");
        Expect([first, 3, 0, 1, 0], [first, 2, 0, 1], ReasonCode.Success, "");
        Expect([first, 4, 0, 1, 0, 0], [first, 2, 0, 1], ReasonCode.Success, "");
        byte[] full = Bytes.Of($"{first:X2} 11 00 01 {code:X2} 0D 1F 00 03 'why' 26 00 01 'k' 00 01 'v'");
        Expect(full, full, failure, "why");
        byte[] success = Bytes.Of($"{first:X2} 0B 00 01 00 07 26 00 01 'k' 00 01 'v'");
        Expect(success, success, ReasonCode.Success, "");

        void Expect(byte[] read, byte[] written, ReasonCode reason, string reasonString)
        {
            Assert.True(AckPacket.TryParse(Wire.Cut(read), Wire.V5, out AckPacket packet, out Violation violation), $"{violation}");
            Assert.Equal(type, packet.Type);
            Assert.Equal(1, packet.PacketId);
            Assert.Equal(reason, packet.Reason);
            Assert.Equal(Bytes.Of($"'{reasonString}'"), packet.ReasonString);
            Assert.Equal(written, Wire.Write(packet, Wire.V5));
            Assert.Equal([first, 2, 0, 1], Wire.Write(packet, Wire.V311));
        }
    }

    [Fact]
    [Clause("MQTT-3.4.2-1")]
    [Clause("MQTT-3.5.2-1")]
    [Clause("MQTT-3.6.2-1")]
    [Clause("MQTT-3.7.2-1")]
    public void Only_the_reason_codes_of_the_type_are_accepted()
    {
        byte[] ofPublish = Bytes.Of("00 10 80 83 87 90 91 97 99");
        byte[] ofRelease = Bytes.Of("00 92");
        foreach (byte first in Bytes.Of("40 50 62 70"))
        {
            byte[] allowed = first < 0x60 ? ofPublish : ofRelease;
            for (int code = 0; code < 256; code++)
            {
                Violation violation = Wire.Judge([first, 3, 0, 1, (byte)code], Wire.V5);
                Assert.Equal(allowed.Contains((byte)code) ? default : ReasonCode.ProtocolError, violation.Reason);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Acks))]
    public void Wrong_lengths_identifiers_and_properties_are_refused(PacketType type, byte first)
    {
        Assert.Equal(first >> 4, (int)type);
        foreach (ProtocolVersion version in Wire.Versions)
        {
            Refuse($"{first:X2} 00", version, ReasonCode.MalformedPacket);
            Refuse($"{first:X2} 01 00", version, ReasonCode.MalformedPacket);
            Refuse($"{first:X2} 02 00 00", version, ReasonCode.ProtocolError);
        }

        Refuse($"{first:X2} 03 00 01 00", Wire.V311, ReasonCode.MalformedPacket);
        Refuse($"{first:X2} 03 00 01 00", Wire.V31, ReasonCode.MalformedPacket);
        Refuse($"{first:X2} 04 00 01 00 01", Wire.V5, ReasonCode.MalformedPacket);
        Refuse($"{first:X2} 05 00 01 00 00 00", Wire.V5, ReasonCode.MalformedPacket);
        Refuse($"{first:X2} 06 00 01 00 02 01 00", Wire.V5, ReasonCode.MalformedPacket);
        Refuse($"{first:X2} [ 00 01 00 [ 1F `a` 1F `b` ] ]", Wire.V5, ReasonCode.ProtocolError);

        static void Refuse(string packet, ProtocolVersion version, ReasonCode reason) => Wire.Refuse(packet, version, reason);
    }

    [Fact]
    [Clause("MQTT-3.6.1-1")]
    [Clause311("MQTT-3.6.1-1")]
    public void PUBREL_is_written_with_its_flags()
    {
        Assert.Equal(0x62, Wire.Write(new AckPacket { Type = PacketType.PubRel, PacketId = 1 }, Wire.V311)[0]);
        Assert.Equal(0x62, Wire.Write(new AckPacket { Type = PacketType.PubRel, PacketId = 1 }, Wire.V5)[0]);
    }
}
