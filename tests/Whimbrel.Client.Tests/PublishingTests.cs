using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>Messages on their way out.</summary>
public class PublishingTests
{
    [Fact]
    public void The_server_s_receive_maximum_is_never_exceeded_and_the_rest_follows_its_answers()
    {
        var world = new EngineWorld();
        world.Connect(receiveMaximum: 2);
        foreach (string payload in new[] { "1", "2", "3", "4" })
            world.Publish("a", payload, QoS.AtLeastOnce);
        Assert.Equal(["PUBLISH 1 a=1", "PUBLISH 2 a=2"], world.Said());
        world.ReceiveAck(PacketType.PubAck, 1);
        Assert.Equal(["PUBLISH 3 a=3"], world.Said());
    }

    [Fact]
    public void A_resumed_session_is_resent_with_DUP_and_the_same_identifiers_PUBRELs_first()
    {
        var world = new EngineWorld();
        world.Connect();
        world.Publish("a", "1", QoS.AtLeastOnce);
        world.Publish("a", "2", QoS.ExactlyOnce);
        world.Publish("a", "3", QoS.ExactlyOnce);
        world.ReceiveAck(PacketType.PubRec, 3);
        world.Sent();
        world.Engine.Closed(Blame.None);
        world.Publish("a", "4", QoS.AtLeastOnce);
        Assert.Equal(["PUBREL 3", "PUBLISH DUP 1 a=1", "PUBLISH DUP 2 a=2", "PUBLISH 4 a=4"], world.Connect(sessionPresent: true).Select(EngineWorld.Short));
    }

    [Fact]
    public void A_lost_session_begins_anew_without_DUP_and_what_the_server_had_taken_over_is_done()
    {
        var world = new EngineWorld();
        world.Connect();
        world.Publish("a", "1", QoS.AtLeastOnce);
        Delivery taken = world.Publish("a", "2", QoS.ExactlyOnce);
        world.ReceiveAck(PacketType.PubRec, 2);
        world.Sent();
        world.Engine.Closed(Blame.None);
        List<Heard> said = world.Connect(sessionPresent: false);
        Assert.Equal([false], said.Select(seen => seen.Duplicate));
        Assert.Equal(["1"], said.Select(seen => seen.Payload));
        Assert.Equal([taken], world.Host.FinishedDeliveries);
        Assert.Contains("connected present=False lost=True", world.Host.Told);
    }

    [Fact]
    public void An_abandoned_message_in_the_queue_never_leaves_and_one_in_flight_goes_on()
    {
        var world = new EngineWorld();
        world.Connect(receiveMaximum: 1);
        Delivery first = world.Publish("a", "1", QoS.AtLeastOnce);
        Delivery second = world.Publish("a", "2", QoS.AtLeastOnce);
        world.Publish("a", "3", QoS.AtLeastOnce);
        Assert.False(world.Engine.Abandon(first));
        Assert.True(world.Engine.Abandon(second));
        world.ReceiveAck(PacketType.PubAck, 1);
        Assert.Equal(["PUBLISH 1 a=1", "PUBLISH 2 a=3"], world.Said());
        Assert.Empty(world.Host.FinishedDeliveries);
        world.ReceiveAck(PacketType.PubAck, 2);
        Assert.Single(world.Host.FinishedDeliveries);
        Assert.Equal(0, world.Engine.OutboxCount);
    }

    [Fact]
    public void A_message_that_expired_while_it_waited_is_not_sent()
    {
        var world = new EngineWorld();
        world.Publish("a", "old", QoS.AtLeastOnce, expiresAt: 1000);
        world.Publish("a", "new", QoS.AtLeastOnce, expiresAt: 9000);
        world.Now = 2000;
        Assert.Equal(["PUBLISH 1 a=new"], world.Connect().Select(EngineWorld.Short));
        Assert.Contains("Expired a", world.Host.Told);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_message_that_the_server_closes_the_connection_over_is_taken_out_and_the_others_go_on(bool isNamed)
    {
        var world = new EngineWorld();
        world.Publish("good", "1", QoS.AtLeastOnce);
        world.Publish("poison", "2", QoS.AtLeastOnce);
        world.Publish("good", "3", QoS.AtLeastOnce);
        bool isFirst = true;
        for (int attempt = 0; attempt < 20 && world.Engine.OutboxCount > 0; attempt++)
        {
            var arrived = new Queue<Heard>(world.Connect(sessionPresent: !isFirst));
            isFirst = false;
            bool isClosed = false;
            while (!isClosed && arrived.TryDequeue(out Heard? seen))
            {
                // The server reads everything that has come before it answers.
                isClosed = seen.Topic == "poison" || arrived.Any(later => later.Topic == "poison");
                if (isClosed)
                    break;
                if (seen.Type == PacketType.PingReq)
                    world.ReceivePong();
                else
                    world.ReceiveAck(PacketType.PubAck, seen.PacketId);
                world.Sent().ForEach(arrived.Enqueue);
            }

            world.Engine.Closed(!isClosed ? Blame.None : isNamed ? Blame.Named : Blame.Possible);
        }

        Assert.Equal(0, world.Engine.OutboxCount);
        Assert.Equal(["Quarantined poison"], world.Host.Told.Where(told => told.StartsWith("Quarantined", StringComparison.Ordinal)));
        Assert.Equal(3, world.Host.FinishedDeliveries.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_server_that_falls_over_by_itself_takes_no_message_out(bool isLate)
    {
        var world = new EngineWorld();
        world.Publish("a", "1", QoS.AtLeastOnce);
        int sent = 0;
        for (int attempt = 0; attempt < 50; attempt++)
        {
            List<Heard> arrived = world.Connect(sessionPresent: attempt > 0);
            if (isLate)
            {
                // It is there, gets the message, is there still, and only then closes.
                world.ReceivePong();
                arrived.AddRange(world.Sent());
                world.ReceivePong();
            }

            sent += arrived.Count(seen => seen.Type == PacketType.Publish);
            world.Engine.Closed(Blame.Possible);
        }

        Assert.Equal(1, world.Engine.OutboxCount);
        Assert.Equal(isLate ? 50 : 2, sent);
        Assert.DoesNotContain("Quarantined a", world.Host.Told);
        world.Connect(sessionPresent: true);
        world.ReceivePong();
        world.ReceiveAck(PacketType.PubAck, world.Sent().Single().PacketId);
        Assert.Equal(0, world.Engine.OutboxCount);
    }

    [Fact]
    public void In_a_session_that_another_process_left_every_identifier_of_QoS_2_is_released_before_its_first_use()
    {
        var world = new EngineWorld();
        world.Connect(sessionPresent: true);
        world.Publish("a", "1", QoS.ExactlyOnce);
        world.Publish("a", "2", QoS.AtLeastOnce);
        Assert.Equal(["PUBREL 1", "PUBLISH 1 a=1", "PUBLISH 2 a=2"], world.Said());
        world.ReceiveAck(PacketType.PubComp, 1, ReasonCode.PacketIdentifierNotFound);
        Assert.Empty(world.Host.FinishedDeliveries);
        world.ReceiveAck(PacketType.PubRec, 1);
        Assert.Equal(["PUBREL 1"], world.Said());
        world.ReceiveAck(PacketType.PubComp, 1);
        Assert.Single(world.Host.FinishedDeliveries);
        world.Engine.Closed(Blame.None);
        world.Connect(sessionPresent: false);
        world.Publish("a", "3", QoS.ExactlyOnce);
        Assert.DoesNotContain(world.Said(), said => said.StartsWith("PUBREL", StringComparison.Ordinal));
    }

    [Fact]
    public void A_topic_that_comes_again_travels_as_an_alias_and_by_name_on_the_next_connection()
    {
        var world = new EngineWorld();
        world.Connect(aliases: 5);
        for (int i = 0; i < 3; i++)
            world.Engine.Publish("sensors/kitchen/temperature", "x"u8, default, false, null);
        List<Heard> sent = world.Sent();
        Assert.Equal(["sensors/kitchen/temperature", "sensors/kitchen/temperature", ""], sent.Select(seen => seen.Topic));
        Assert.Equal([0, 1, 1], sent.Select(seen => (int)seen.TopicAlias));
        world.Engine.Closed(Blame.None);
        world.Connect(sessionPresent: true, aliases: 5);
        world.Engine.Publish("sensors/kitchen/temperature", "x"u8, default, false, null);
        Assert.Equal("sensors/kitchen/temperature", world.Sent()[0].Topic);
    }

    [Fact]
    public void What_is_larger_than_the_server_takes_is_refused_here()
    {
        var world = new EngineWorld();
        world.Connect(packetBytesMax: 50);
        Assert.Equal(ReasonCode.PacketTooLarge, world.Engine.Publish("a", new byte[50], default, false, null));
        world.Publish("a", new string('x', 50), QoS.AtLeastOnce);
        Assert.Empty(world.Sent());
        Assert.Single(world.Host.FinishedDeliveries);
    }

    [Fact]
    public void With_a_store_nothing_leaves_before_it_is_written()
    {
        var world = new EngineWorld(new EngineOptions { IsDurable = true });
        world.Connect();
        if (world.Engine.HasChanges)
            world.Commit();
        world.Publish("a", "1", QoS.ExactlyOnce);
        Assert.Empty(world.Sent());
        world.Commit();
        Assert.Equal(["PUBLISH 1 a=1"], world.Said());
        world.ReceiveAck(PacketType.PubRec, 1);
        Assert.Empty(world.Sent());
        world.Commit();
        Assert.Equal(["PUBREL 1"], world.Said());
        world.ReceiveAck(PacketType.PubComp, 1);
        Assert.Equal(MqttOutboxChangeKind.Remove, world.Engine.TakeChanges(out _).Single().Kind);
    }

    [Fact]
    public void A_silent_server_is_asked_and_then_given_up()
    {
        var world = new EngineWorld();
        world.Connect(keepAliveSeconds: 30);
        world.Now = 29_000;
        Assert.True(world.Engine.OnTime(world.Now));
        Assert.Empty(world.Sent());
        world.Now = 30_000;
        Assert.True(world.Engine.OnTime(world.Now));
        Assert.Equal([PacketType.PingReq], world.Sent().Select(seen => seen.Type));
        world.Now = 41_000;
        Assert.False(world.Engine.OnTime(world.Now));
    }

    [Fact]
    public void A_probe_that_nobody_answers_ends_the_connection_even_without_a_keep_alive()
    {
        var world = new EngineWorld(new EngineOptions { ResponseTimeoutMilliseconds = 1000 });
        world.Connect(keepAliveSeconds: 0);
        world.Engine.Probe(world.Now);
        world.Engine.Probe(world.Now);
        Assert.Equal(PacketType.PingReq, Assert.Single(world.Sent()).Type);
        world.Now = 999;
        Assert.True(world.Engine.OnTime(world.Now));
        world.Now = 1000;
        Assert.False(world.Engine.OnTime(world.Now));
        world.ReceivePong();
        Assert.True(world.Engine.OnTime(world.Now));
    }
}
