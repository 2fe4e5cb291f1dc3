using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>Messages on their way in, and their acknowledgements.</summary>
public class ReceivingTests
{
    [Fact]
    public void Acknowledgements_leave_in_the_order_of_arrival_whatever_order_they_are_given_in()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        for (int id = 1; id <= 3; id++)
            world.ReceivePublish("a", $"{id}", QoS.AtLeastOnce, id);
        world.Engine.Acknowledge(subscriber.Messages[2].Token, ReasonCode.Success);
        world.Engine.Acknowledge(subscriber.Messages[1].Token, ReasonCode.Success);
        Assert.Empty(world.Sent());
        world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success);
        Assert.Equal(["PUBACK 1", "PUBACK 2", "PUBACK 3"], world.Said());
    }

    [Fact]
    public void An_acknowledgement_of_an_earlier_connection_is_stale_and_harmless()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.AtLeastOnce, 1);
        world.Engine.Closed(Blame.None);
        world.Connect(sessionPresent: true);
        world.ReceivePublish("a", "1", QoS.AtLeastOnce, 1, duplicate: true);
        Assert.Equal(AckOutcome.Stale, world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success));
        Assert.Empty(world.Sent());
        Assert.Equal(AckOutcome.Accepted, world.Engine.Acknowledge(subscriber.Messages[1].Token, ReasonCode.Success));
        Assert.Equal(["PUBACK 1"], world.Said());
    }

    [Fact]
    public void A_QoS_2_message_that_is_repeated_while_its_handler_runs_is_handled_once()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.ExactlyOnce, 1);
        world.Engine.Closed(Blame.None);
        world.Connect(sessionPresent: true);
        world.ReceivePublish("a", "1", QoS.ExactlyOnce, 1, duplicate: true);
        Assert.Single(subscriber.Messages);
        Assert.Equal(AckOutcome.Accepted, world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success));
        Assert.Equal(["PUBREC 1"], world.Said());
        world.ReceiveAck(PacketType.PubRel, 1);
        Assert.Equal(["PUBCOMP 1"], world.Said());
        world.ReceivePublish("a", "2", QoS.ExactlyOnce, 1);
        Assert.Equal(2, subscriber.Messages.Count);
    }

    [Fact]
    public void A_lost_session_forgets_received_identifiers_so_that_a_new_message_is_not_taken_for_an_old_one()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.ExactlyOnce, 1);
        world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success);
        world.Engine.Closed(Blame.None);
        world.Connect(sessionPresent: false);
        world.ReceivePublish("a", "other", QoS.ExactlyOnce, 1);
        Assert.Equal("other", subscriber.Messages[1].Payload);
    }

    [Fact]
    public void A_server_that_exceeds_our_receive_maximum_is_told_so()
    {
        (EngineWorld world, _) = Subscribed();
        for (int id = 1; id <= 10; id++)
            Assert.NotEqual(ReceiveOutcome.Close, world.ReceivePublish("a", "x", QoS.AtLeastOnce, id));
        Assert.Equal(ReceiveOutcome.Close, world.ReceivePublish("a", "x", QoS.AtLeastOnce, 11));
        Assert.Equal([ReasonCode.ReceiveMaximumExceeded], world.Sent().Select(seen => seen.Reason));
    }

    [Fact]
    public void A_refused_message_tells_the_server_and_frees_its_place()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.AtLeastOnce, 1);
        world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.ImplementationSpecificError);
        Assert.Equal(["PUBACK 1 ImplementationSpecificError"], world.Said());
        Assert.Equal(0, world.Engine.UnacknowledgedCount);
    }

    [Fact]
    public void Two_subscribers_of_one_message_both_finish_before_it_is_acknowledged()
    {
        (EngineWorld world, RecordingSubscriber first) = Subscribed();
        var second = new RecordingSubscriber();
        world.Engine.Subscribe("a", new SubscriptionTerms(new SubscriptionOptions(QoS.ExactlyOnce)), second);
        world.Sent();
        world.ReceivePublish("a", "1", QoS.AtLeastOnce, 1);
        world.Engine.Acknowledge(first.Messages[0].Token, ReasonCode.Success);
        Assert.Empty(world.Sent());
        world.Engine.Acknowledge(second.Messages[0].Token, ReasonCode.Success);
        Assert.Equal(["PUBACK 1"], world.Said());
    }

    [Fact]
    public void A_server_that_repeats_a_message_of_QoS_2_on_one_connection_gets_one_answer_and_holds_nothing_up()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.ExactlyOnce, 1);
        world.ReceivePublish("a", "1", QoS.ExactlyOnce, 1, duplicate: true);
        world.ReceivePublish("a", "2", QoS.AtLeastOnce, 2);
        Assert.Equal(["1", "2"], subscriber.Messages.Select(message => message.Payload));
        foreach ((_, _, long token) in subscriber.Messages)
            world.Engine.Acknowledge(token, ReasonCode.Success);
        Assert.Equal(["PUBREC 1", "PUBACK 2"], world.Said());
        Assert.Equal(0, world.Engine.UnacknowledgedCount);
    }

    [Fact]
    public void A_message_that_nobody_wants_is_acknowledged_and_said()
    {
        var world = new EngineWorld();
        world.Connect();
        world.ReceivePublish("nobody", "1", QoS.AtLeastOnce, 1);
        Assert.Equal(["PUBACK 1"], world.Said());
        Assert.Contains("NobodyWants nobody", world.Host.Told);
    }

    [Fact]
    public void What_a_lasting_session_kept_waits_for_its_subscriber_of_this_process()
    {
        var world = new EngineWorld(new EngineOptions { HasLastingSession = true });
        world.Connect(sessionPresent: true);
        world.ReceivePublish("a", "kept", QoS.AtLeastOnce, 1);
        Assert.Empty(world.Sent());
        var subscriber = new RecordingSubscriber();
        world.Engine.Subscribe("a", new SubscriptionTerms(new SubscriptionOptions(QoS.AtLeastOnce)), subscriber);
        Assert.Equal("kept", subscriber.Messages.Single().Payload);
        world.Sent();
        world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success);
        Assert.Equal(["PUBACK 1"], world.Said());
    }

    [Fact]
    public void What_a_lasting_session_kept_and_nobody_claims_in_half_a_minute_is_acknowledged_and_said()
    {
        var world = new EngineWorld(new EngineOptions { HasLastingSession = true });
        world.Connect(sessionPresent: true);
        world.ReceivePublish("a", "kept", QoS.AtLeastOnce, 1);
        world.Now = 29_999;
        world.Engine.OnTime(world.Now);
        Assert.Empty(world.Sent());
        world.Now = 30_000;
        world.Engine.OnTime(world.Now);
        Assert.Equal(["PUBACK 1"], world.Said());
        Assert.Contains("NobodyWants a", world.Host.Told);
    }

    [Fact]
    public void Subscriptions_are_made_again_when_the_session_is_lost_and_only_then()
    {
        (EngineWorld world, _) = Subscribed();
        world.Engine.Closed(Blame.None);
        Assert.Empty(world.Connect(sessionPresent: true));
        world.Engine.Closed(Blame.None);
        Assert.Equal([PacketType.Subscribe], world.Connect(sessionPresent: false).Select(seen => seen.Type));
    }

    [Fact]
    public void The_server_s_aliases_are_resolved()
    {
        (EngineWorld world, RecordingSubscriber subscriber) = Subscribed();
        world.ReceivePublish("a", "1", QoS.AtMostOnce, alias: 3);
        world.ReceivePublish("", "2", QoS.AtMostOnce, alias: 3);
        Assert.Equal(["a", "a"], subscriber.Messages.Select(message => message.Topic));
    }

    [Fact]
    public void What_the_process_before_had_handled_is_answered_and_not_handled_again()
    {
        var world = new EngineWorld(new EngineOptions { IsDurable = true, HasLastingSession = true });
        world.Engine.Restore(new MqttOutboxContent([], [7]), new DeliveryPool(), unix => unix);
        var subscriber = new RecordingSubscriber();
        world.Engine.Subscribe("a", new SubscriptionTerms(new SubscriptionOptions(QoS.ExactlyOnce)), subscriber);
        world.Connect(sessionPresent: true);
        world.ReceivePublish("a", "handled", QoS.ExactlyOnce, 7, duplicate: true);
        world.ReceivePublish("a", "new", QoS.ExactlyOnce, 8);
        Assert.Equal(["new"], subscriber.Messages.Select(message => message.Payload));
        Assert.Equal(["PUBREC 7"], world.Said());

        // Neither the mark nor its end is said before it is written.
        world.Engine.Acknowledge(subscriber.Messages[0].Token, ReasonCode.Success);
        Assert.Empty(world.Said());
        Assert.Equal((MqttOutboxChangeKind.Received, 8), Commit(world));
        Assert.Equal(["PUBREC 8"], world.Said());
        world.ReceiveAck(PacketType.PubRel, 7);
        Assert.Empty(world.Said());
        Assert.Equal((MqttOutboxChangeKind.Forget, 7), Commit(world));
        Assert.Equal(["PUBCOMP 7"], world.Said());
        world.ReceivePublish("a", "new again", QoS.ExactlyOnce, 7);
        Assert.Equal("new again", subscriber.Messages[^1].Payload);
    }

    [Fact]
    public void What_the_process_before_had_handled_counts_no_more_when_the_server_has_forgotten_the_session()
    {
        var world = new EngineWorld(new EngineOptions { IsDurable = true, HasLastingSession = true });
        world.Engine.Restore(new MqttOutboxContent([], [7]), new DeliveryPool(), unix => unix);
        var subscriber = new RecordingSubscriber();
        world.Engine.Subscribe("a", new SubscriptionTerms(new SubscriptionOptions(QoS.ExactlyOnce)), subscriber);
        world.Connect(sessionPresent: false);
        Assert.Equal(MqttOutboxChangeKind.NewSession, Commit(world).Kind);
        world.ReceivePublish("a", "new", QoS.ExactlyOnce, 7);
        Assert.Equal(["new"], subscriber.Messages.Select(message => message.Payload));
    }

    private static (MqttOutboxChangeKind Kind, int PacketId) Commit(EngineWorld world)
    {
        MqttOutboxChange change = world.Engine.TakeChanges(out long position).Single();
        world.Engine.Stored(position, world.Now);
        return (change.Kind, change.PacketId);
    }

    private static (EngineWorld World, RecordingSubscriber Subscriber) Subscribed()
    {
        var world = new EngineWorld();
        world.Connect();
        var subscriber = new RecordingSubscriber();
        SubscribeTicket ticket = world.Engine.Subscribe("a", new SubscriptionTerms(new SubscriptionOptions(QoS.ExactlyOnce)), subscriber);
        Heard subscribe = world.Sent().Single();
        world.Receive(new SubAckPacket { PacketId = subscribe.PacketId, ReasonCodes = [2] });
        Assert.True(ticket.Answer.IsCompleted);
        return (world, subscriber);
    }
}
