using System.Text;
using Whimbrel.Protocol.Flow;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>Topic aliases of both directions, which the broker and the client library share.</summary>
public class TopicAliasesTests
{
    [Fact]
    [Clause("MQTT-3.3.2-10")]
    [Clause("MQTT-3.3.2-12")]
    public void Every_alias_from_1_to_the_announced_maximum_is_accepted()
    {
        var aliases = new InboundTopicAliases(ushort.MaxValue);
        for (int alias = 1; alias <= ushort.MaxValue; alias++)
            Assert.Equal("t/" + alias, Resolve(aliases, "t/" + alias, (ushort)alias));
        for (int alias = 1; alias <= ushort.MaxValue; alias++)
            Assert.Equal("t/" + alias, Resolve(aliases, "", (ushort)alias));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(10, 11)]
    [InlineData(10, 65_535)]
    [Clause("MQTT-3.3.2-9")]
    public void An_alias_above_the_announced_maximum_is_invalid(int maximum, int alias)
    {
        var aliases = new InboundTopicAliases((ushort)maximum);
        Assert.False(aliases.TryResolve("t"u8, (ushort)alias, out _, out Violation violation));
        Assert.Equal(ReasonCode.TopicAliasInvalid, violation.Reason);
    }

    [Fact]
    public void An_alias_alone_that_was_never_set_is_a_protocol_error()
    {
        var aliases = new InboundTopicAliases(10);
        Resolve(aliases, "t", 1);
        Assert.False(aliases.TryResolve([], 2, out _, out Violation violation));
        Assert.Equal(ReasonCode.ProtocolError, violation.Reason);
    }

    [Fact]
    public void A_topic_with_a_known_alias_replaces_what_it_stood_for_and_no_alias_leaves_all_alone()
    {
        var aliases = new InboundTopicAliases(10);
        Assert.Equal("a", Resolve(aliases, "a", 1));
        Assert.Equal("b", Resolve(aliases, "b", 2));
        Assert.Equal("c", Resolve(aliases, "c", 1));
        Assert.Equal("plain", Resolve(aliases, "plain", 0));
        Assert.Equal("c", Resolve(aliases, "", 1));
        Assert.Equal("b", Resolve(aliases, "", 2));
    }

    [Fact]
    public void A_mapping_is_the_object_s_own_copy()
    {
        var aliases = new InboundTopicAliases(1);
        byte[] buffer = [.. "topic"u8];
        Assert.True(aliases.TryResolve(buffer, 1, out _, out _));
        buffer.AsSpan().Clear();
        Assert.Equal("topic", Resolve(aliases, "", 1));
    }

    [Fact]
    [Clause("MQTT-3.3.2-11")]
    public void What_is_given_out_stays_within_the_peer_s_maximum_and_can_always_be_read_back()
    {
        var random = new Random(1);
        var outbound = new OutboundTopicAliases(5);
        var inbound = new InboundTopicAliases(5);
        for (int i = 0; i < 5000; i++)
        {
            string topic = "t/" + random.Next(9);
            ushort alias = outbound.Get(Encoding.UTF8.GetBytes(topic), out bool isNew);
            Assert.InRange(alias, 1, 5);
            Assert.Equal(topic, Resolve(inbound, isNew ? topic : "", alias));
        }
    }

    [Fact]
    public void A_topic_is_new_once_and_the_oldest_gives_its_number_away()
    {
        var aliases = new OutboundTopicAliases(2);
        byte[] a = [.. "a"u8], b = [.. "b"u8], c = [.. "c"u8];
        Assert.Equal(1, aliases.Get(a, out bool isNew));
        Assert.True(isNew);
        Assert.Equal(2, aliases.Get(b, out isNew));
        Assert.Equal(1, aliases.Get(a, out isNew));
        Assert.False(isNew);
        Assert.Equal(1, aliases.Get(c, out isNew));
        Assert.True(isNew);
        Assert.False(aliases.Knows(a, out _));
        Assert.True(aliases.Knows([.. "b"u8], out ushort known));
        Assert.Equal(2, known);
    }

    private static string Resolve(InboundTopicAliases aliases, string topic, ushort alias)
    {
        Assert.True(aliases.TryResolve(Encoding.UTF8.GetBytes(topic), alias, out ReadOnlySpan<byte> resolved, out Violation violation), violation.Detail);
        return Encoding.UTF8.GetString(resolved);
    }
}
