using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Storage.Tests;

public class InspectionTests
{
    [Fact]
    public void A_session_is_shown_with_what_it_is_owed_and_what_is_under_way()
    {
        using MemoryEngine engine = RichStore.Make();
        StoreInspection inspection = StoreInspection.Read(new LayoutStore(engine, "memory"));
        InspectedSession one = inspection.Sessions.First();
        Assert.Equal(("one", null, (long?)null), (one.ClientId, one.UserName, one.DisconnectedAt));
        // Its copies have the sequence numbers 1 and 2, and everything up to 5 is done.
        Assert.Equal((0, 0, 1, 1), (one.QueuedMessages, one.InFlight, one.Releasing, one.Received));
        Assert.Equal(new InspectedWill("w", QoS.ExactlyOnce, true, 7, 77), one.Will);
        Assert.Equal(("a/+", 268_435_455u), (one.Subscriptions.Single().Filter, one.Subscriptions.Single().Identifier));

        InspectedSession two = inspection.Sessions.Last();
        Assert.Equal(("two", "user", 1_790_000_000_000), (two.ClientId, two.UserName, two.DisconnectedAt));
        Assert.Equal((2, 2L + 12, 0), (two.QueuedMessages, two.QueuedBytes, two.InFlight));
    }

    [Fact]
    public void Messages_are_shown_with_those_who_are_still_owed_them()
    {
        using MemoryEngine engine = RichStore.Make();
        StoreInspection inspection = StoreInspection.Read(new LayoutStore(engine, "memory"));
        Assert.Equal([300, 301], inspection.Queued.Select(message => message.Id));
        InspectedMessage rich = inspection.Queued[1];
        Assert.Equal(("a/b", QoS.ExactlyOnce, 12, 1_790_000_000_000, "pub"), (rich.Topic, rich.QoS, rich.Size, rich.ExpiresAt, rich.Publisher));
        Assert.Equal(new InspectedCopy("two", 200, QoS.ExactlyOnce, 0), rich.Receivers.Single());
        Assert.Equal(["a/b", "c"], inspection.Retained.Select(message => message.Topic));
        Assert.Equal((14, 13), (inspection.QueuedBytes, inspection.RetainedBytes));
    }

    [Fact]
    public void A_message_under_way_has_its_packet_identifier()
    {
        using var engine = new MemoryEngine();
        StoreBatch batch = Batches.Of(Batches.Session(1)).With(Batches.Queued(1, Batches.Message("t", "x"), (1, 1), (2, 1)));
        batch.Sent.Add(new StoreBatch.SentKey(1, 1), 42);
        Batches.Opened(engine).Write(batch);
        StoreInspection inspection = StoreInspection.Read(new LayoutStore(engine, "memory"));
        Assert.Equal((1, 1, 0), (inspection.Sessions.Single().QueuedMessages, inspection.Sessions.Single().InFlight, inspection.Sessions.Single().Releasing));
        Assert.Equal(42, inspection.Queued.Single().Receivers.Single().PacketId);
    }

    [Fact]
    public void Of_two_sessions_of_one_client_the_older_one_is_shown_as_superseded()
    {
        using var engine = new MemoryEngine();
        Batches.Opened(engine).Write(Batches.Of(Batches.Session(1, "same"), Batches.Session(2, "same"), Batches.Session(3, "other")));
        StoreInspection inspection = StoreInspection.Read(new LayoutStore(engine, "memory"));
        Assert.Equal([true, false, false], inspection.Sessions.Select(session => session.IsSuperseded));
    }
}
