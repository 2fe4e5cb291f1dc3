using Whimbrel.Crash.Judging;
using Whimbrel.Protocol;

namespace Whimbrel.Crash.Clients;

/// <summary>What a client remembers, and which packets of a broker it finds wrong by it.</summary>
public class MemoryTests
{
    private const QoS Once = QoS.ExactlyOnce;
    private const QoS AtLeastOnce = QoS.AtLeastOnce;

    [Fact]
    public void A_publish_without_packet_identifier_is_found()
    {
        Assert.Equal(ViolationKind.PacketIdZero, new Incoming(10).OnPublish(0, Once, false, "a").Breach);
        Assert.Equal(ViolationKind.PacketIdZero, new Incoming(10).OnPubRel(0));
    }

    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(Once)]
    public void An_identifier_that_is_in_flight_is_not_free(QoS qos)
    {
        var incoming = new Incoming(10);
        Assert.Equal((true, null), incoming.OnPublish(1, qos, false, "a"));
        Assert.Equal(ViolationKind.PacketIdInUse, incoming.OnPublish(1, AtLeastOnce, false, "b").Breach);
    }

    [Fact]
    public void A_QoS_2_identifier_stays_in_use_until_PUBREL_whatever_happens_to_the_broker()
    {
        var incoming = new Incoming(10);
        incoming.OnPublish(1, Once, false, "a");
        incoming.Answer(1);
        incoming.Resume(isSameLife: false);
        Assert.Equal((true, ViolationKind.PacketIdInUse), incoming.OnPublish(1, Once, true, "b"));
        incoming.Resume(isSameLife: false);
        Assert.Equal(ViolationKind.PacketIdInUse, incoming.OnPublish(1, AtLeastOnce, true, "b").Breach);
        incoming.Acknowledge(1);
        incoming.Answer(1);
        Assert.Null(incoming.OnPubRel(1));
        Assert.Equal((true, null), incoming.OnPublish(1, Once, false, "c"));
    }

    [Fact]
    public void A_QoS_2_message_that_is_sent_again_is_filtered_and_must_say_so()
    {
        var incoming = new Incoming(10);
        incoming.OnPublish(1, Once, false, "a");
        incoming.Resume(isSameLife: false);
        Assert.Equal((false, null), incoming.OnPublish(1, Once, true, "a"));
        incoming.Resume(isSameLife: true);
        Assert.Equal((false, ViolationKind.DuplicateFlagMissing), incoming.OnPublish(1, Once, false, "a"));
    }

    [Fact]
    public void A_QoS_1_message_that_one_life_of_a_broker_sends_again_must_say_so()
    {
        var incoming = new Incoming(10);
        incoming.OnPublish(1, AtLeastOnce, false, "a");
        incoming.Resume(isSameLife: true);
        Assert.Equal((true, ViolationKind.DuplicateFlagMissing), incoming.OnPublish(1, AtLeastOnce, false, "a"));
        incoming.Resume(isSameLife: true);
        Assert.Equal((true, ViolationKind.PacketIdInUse), incoming.OnPublish(1, AtLeastOnce, true, "b"));
        incoming.Resume(isSameLife: false);
        Assert.Equal((true, null), incoming.OnPublish(1, AtLeastOnce, false, "c"));
    }

    [Fact]
    public void A_QoS_1_identifier_is_free_after_PUBACK()
    {
        var incoming = new Incoming(10);
        incoming.OnPublish(1, AtLeastOnce, false, "a");
        incoming.Acknowledge(1);
        Assert.True(incoming.IsEmpty);
        Assert.Equal((true, null), incoming.OnPublish(1, AtLeastOnce, false, "b"));
    }

    [Fact]
    public void A_PUBREL_before_PUBREC_is_too_soon()
    {
        var incoming = new Incoming(10);
        incoming.OnPublish(1, Once, false, "a");
        Assert.Equal(ViolationKind.ReleasedTooSoon, incoming.OnPubRel(1));
        Assert.Null(incoming.OnPubRel(1));
    }

    [Fact]
    public void More_in_flight_than_the_client_takes_is_found()
    {
        var incoming = new Incoming(2);
        Assert.Null(incoming.OnPublish(1, Once, false, "a").Breach);
        Assert.Null(incoming.OnPublish(2, AtLeastOnce, false, "b").Breach);
        Assert.Equal(ViolationKind.ReceiveMaximumExceeded, incoming.OnPublish(3, Once, false, "c").Breach);
        incoming.Acknowledge(2);
        incoming.OnPubRel(1);
        Assert.Null(incoming.OnPublish(4, Once, false, "d").Breach);
    }

    [Fact]
    public void An_acknowledgement_of_what_was_not_sent_is_found()
    {
        var outgoing = new Outgoing();
        ushort id = outgoing.Begin(new Message(1, "t", Once)).PacketId;
        Assert.Equal((null, ViolationKind.AckUnknown), outgoing.OnPubAck(id));
        Assert.Equal((null, ViolationKind.AckUnknown), outgoing.OnPubComp(id));
        Assert.Equal((null, ViolationKind.AckUnknown), outgoing.OnPubRec(7, isError: false));
        Assert.Null(outgoing.OnPubRec(id, isError: false).Breach);
        Assert.Equal((null, ViolationKind.AckUnknown), outgoing.OnPubRec(id, isError: false));
        Assert.Null(outgoing.OnPubComp(id).Breach);
        Assert.Equal(0, outgoing.Count);
    }

    [Fact]
    public void Acknowledgements_in_another_order_than_the_messages_are_found()
    {
        var outgoing = new Outgoing();
        Flight first = outgoing.Begin(new Message(1, "t", AtLeastOnce));
        Flight other = outgoing.Begin(new Message(2, "t", Once));
        Flight second = outgoing.Begin(new Message(3, "t", AtLeastOnce));
        Assert.Equal((other, null), outgoing.OnPubRec(other.PacketId, isError: false));
        Assert.Equal((second, ViolationKind.AckOutOfOrder), outgoing.OnPubAck(second.PacketId));
        Assert.Equal((first, null), outgoing.OnPubAck(first.PacketId));
    }

    [Fact]
    public void Packet_identifiers_are_used_again_as_soon_as_they_are_free()
    {
        var outgoing = new Outgoing();
        Flight first = outgoing.Begin(new Message(1, "t", AtLeastOnce));
        ushort request = outgoing.BeginRequest();
        Assert.Equal((1, 2, 3), (first.PacketId, request, outgoing.Begin(new Message(2, "t", AtLeastOnce)).PacketId));
        outgoing.OnPubAck(1);
        Assert.True(outgoing.EndRequest(request));
        Assert.False(outgoing.EndRequest(request));
        Assert.Equal(1, outgoing.Begin(new Message(3, "t", AtLeastOnce)).PacketId);
        Assert.Equal(2, outgoing.BeginRequest());
    }

    [Fact]
    public void What_may_be_subscribed_and_is_not_wanted_is_asked_for_until_it_is_answered()
    {
        PlannedFilter filter = new("a", Once);
        var subscriptions = new Subscriptions([filter]);
        Assert.True(subscriptions.Next()?.IsSubscribe);
        Assert.Null(subscriptions.Next());
        subscriptions.Resume();
        subscriptions.Toggle(filter);
        Assert.False(subscriptions.Next()?.IsSubscribe);
        Assert.False(subscriptions.IsSettled);
        Assert.NotNull(subscriptions.End(isSubscribe: false));
        Assert.True(subscriptions.IsSettled);
    }
}
