namespace Whimbrel.Protocol.Tests;

public class ReasonCodesTests
{
    [Fact]
    public void Codes_from_80_are_failures()
    {
        foreach (ReasonCode code in Enum.GetValues<ReasonCode>())
        {
            Assert.Equal((int)code >= 0x80, ReasonCodes.IsError(code));
        }
    }

    [Fact]
    public void The_numbers_are_those_of_the_specification_s_table()
    {
        byte[] expected = Bytes.Of(
            "00 01 02 04 10 11 18 19 80 81 82 83 84 85 86 87 88 89 8A 8B 8C 8D 8E 8F"
            + " 90 91 92 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2");
        Assert.Equal(expected, Enum.GetValues<ReasonCode>().Select(code => (byte)code));
        Assert.Equal(0x8E, (int)ReasonCode.SessionTakenOver);
        Assert.Equal(0x97, (int)ReasonCode.QuotaExceeded);
        Assert.Equal(0x9E, (int)ReasonCode.SharedSubscriptionsNotSupported);
    }

    [Fact]
    public void Every_code_has_a_name_of_its_own_and_other_numbers_have_none()
    {
        string[] names = [.. Enum.GetValues<ReasonCode>().Select(ReasonCodes.Name)];
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.Equal("Not authorized", ReasonCodes.Name(ReasonCode.NotAuthorized));
        Assert.Equal("Unknown reason code", ReasonCodes.Name((ReasonCode)0x03));
        Assert.DoesNotContain("Unknown reason code", names);

        // The names of the enumeration are the specification's, without its blanks.
        foreach (ReasonCode code in Enum.GetValues<ReasonCode>())
        {
            string joined = ReasonCodes.Name(code).Replace(" ", "").Replace("-", "");
            Assert.Equal($"{code}", joined, ignoreCase: true);
        }
    }

    [Fact]
    public void Packets_without_a_reason_code_allow_none()
    {
        foreach (ReasonCode code in Enum.GetValues<ReasonCode>())
        {
            Assert.False(ReasonCodes.IsAllowed(PacketType.Connect, code));
            Assert.False(ReasonCodes.IsAllowed(PacketType.Publish, code));
            Assert.False(ReasonCodes.IsAllowed(PacketType.PingReq, code));
        }
    }

    [Fact]
    public void No_violation_is_the_default()
    {
        Violation none = default;
        Assert.True(none.IsNone);
        Assert.False(new Violation(ReasonCode.Success, "something").IsNone);
    }
}
