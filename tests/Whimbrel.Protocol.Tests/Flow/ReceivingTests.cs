using Whimbrel.Protocol.Flow;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>The receiving side of QoS 1 and 2, which the broker and the client library share.</summary>
public class ReceivingTests
{
    [Fact]
    [Clause("MQTT-4.3.3-10")]
    [Clause("MQTT-4.3.3-12")]
    public void An_identifier_is_known_from_PUBLISH_to_PUBREL_and_new_afterwards()
    {
        var ids = new ReceivedPacketIds();
        Assert.False(ids.Contains(7));
        ids.Add(7);
        ids.Add(7);
        Assert.True(ids.Contains(7));
        Assert.Equal(1, ids.Count);
        Assert.True(ids.Release(7));
        Assert.False(ids.Contains(7));
        Assert.False(ids.Release(7));
    }

    [Fact]
    public void Every_identifier_can_be_held_and_all_can_be_forgotten()
    {
        var ids = new ReceivedPacketIds();
        Assert.False(ids.Release(1));
        for (int id = 1; id <= ushort.MaxValue; id++)
            ids.Add((ushort)id);
        Assert.Equal(ushort.MaxValue, ids.Count);
        ids.Clear();
        Assert.Equal(0, ids.Count);
        Assert.False(ids.Contains(1));
    }

    [Fact]
    [Clause("MQTT-3.3.4-7")]
    public void The_quota_admits_as_many_as_were_announced_and_one_more_for_each_that_is_completed()
    {
        var quota = new ReceiveQuota(2);
        Assert.True(quota.TryTake());
        Assert.True(quota.TryTake());
        Assert.False(quota.TryTake());
        quota.GiveBack();
        Assert.True(quota.TryTake());
        Assert.False(quota.TryTake());
    }

    [Fact]
    public void What_is_given_back_too_often_does_not_raise_the_quota()
    {
        var quota = new ReceiveQuota(2);
        quota.GiveBack();
        quota.GiveBack();
        quota.GiveBack();
        Assert.True(quota.TryTake());
        Assert.True(quota.TryTake());
        Assert.False(quota.TryTake());
    }
}
