using Whimbrel.Protocol.Flow;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>When somebody is late, and when a client must say something.</summary>
public class KeepAliveArithmeticTests
{
    [Theory]
    [InlineData(0, 1, 1500)]
    [InlineData(1_000_000, 10, 1_015_000)]
    [InlineData(0, 65_535, 98_302_500)]
    [Clause("MQTT-3.1.2-22")]
    public void A_server_waits_one_and_a_half_times_the_interval(long lastReceived, int seconds, long deadline) =>
        Assert.Equal(deadline, KeepAlive.ServerDeadline(lastReceived, (ushort)seconds));

    [Theory]
    [InlineData(0, 1, 1000)]
    [InlineData(500, 65_535, 65_535_500)]
    [Clause("MQTT-3.1.2-20")]
    public void A_client_pings_within_the_interval_after_what_it_last_sent(long lastSent, int seconds, long due) =>
        Assert.Equal(due, KeepAlive.ClientPingDue(lastSent, (ushort)seconds));

    [Fact]
    public void An_interval_of_0_turns_both_off()
    {
        Assert.Equal(KeepAlive.Never, KeepAlive.ServerDeadline(long.MaxValue - 1, 0));
        Assert.Equal(KeepAlive.Never, KeepAlive.ClientPingDue(long.MaxValue - 1, 0));
    }
}
