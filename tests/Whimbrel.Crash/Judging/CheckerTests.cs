using Whimbrel.Protocol;
using static Whimbrel.Crash.Judging.Happening;

namespace Whimbrel.Crash.Judging;

/// <summary>That the checker can fail: a story for each thing that a broker must not do, and the same story told well.</summary>
public class CheckerTests
{
    private const string Pub = "pub";
    private const string Sub = "sub";

    private static readonly Message First = new(1, "t", QoS.AtLeastOnce);
    private static readonly Message Second = new(2, "t", QoS.AtLeastOnce);
    private static readonly Message Once = new(3, "t", QoS.ExactlyOnce);
    private static readonly Message Kept = new(4, "t", QoS.AtLeastOnce, Retain: true);
    private static readonly Message KeptLater = new(5, "t", QoS.AtLeastOnce, Retain: true);
    private static readonly Message Clear = new(6, "t", QoS.AtLeastOnce, Retain: true, Size: 0);

    [Fact]
    public void An_acknowledged_message_that_does_not_come_is_lost()
    {
        AssertFinds(ViolationKind.Lost, [.. Subscribe(), .. Publish(First), .. Publish(Second), Receive(Second)]);
        AssertFinds(ViolationKind.Lost, [.. Subscribe(), .. Publish(Once)]);
        AssertClean([.. Subscribe(), .. Publish(First), Receive(First), .. Publish(Once), Receive(Once)]);
    }

    [Fact]
    public void A_message_may_come_before_its_publisher_is_acknowledged() =>
        AssertClean([.. Subscribe(), new Publishing(Pub, First), Receive(First), new Acknowledged(Pub, 1)]);

    [Fact]
    public void A_message_without_acknowledgement_may_come_or_not()
    {
        AssertClean([.. Subscribe(), new Publishing(Pub, First)]);
        AssertClean([.. Subscribe(), new Publishing(Pub, First), Receive(First)]);
    }

    [Fact]
    public void A_subscription_counts_from_its_acknowledgement()
    {
        AssertClean([Connect(), Connected(false), new Subscribing(Sub, "t"), .. Publish(First)]);
        AssertClean([Connect(), Connected(false), new Subscribing(Sub, "t"), new Publishing(Pub, First), new Subscribed(Sub, "t"), new Acknowledged(Pub, 1)]);
    }

    [Fact]
    public void Of_a_QoS_1_message_that_was_sent_again_the_last_time_counts_and_of_a_QoS_2_message_the_first()
    {
        Happening[] Again(Message message) => [new Publishing(Pub, message), .. Subscribe(), new Publishing(Pub, message), new Acknowledged(Pub, message.Number)];
        AssertFinds(ViolationKind.Lost, Again(First));
        AssertClean(Again(Once));
    }

    [Fact]
    public void A_subscription_that_was_given_up_needs_nothing_any_more()
    {
        AssertClean([.. Subscribe(), .. Publish(First), new Unsubscribing(Sub, "t")]);
        AssertFinds(ViolationKind.Lost, [.. Subscribe(), .. Subscriptions("#"), .. Publish(First), new Unsubscribing(Sub, "t")]);
    }

    [Fact]
    public void A_subscription_is_still_there_after_a_crash() =>
        AssertFinds(ViolationKind.Lost, [.. Subscribe(), new Killed(), new Started(), Connect(), Connected(true), .. Publish(First)]);

    [Fact]
    public void A_QoS_2_message_that_comes_twice_is_repeated()
    {
        AssertFinds(ViolationKind.Repeated, [.. Subscribe(), .. Publish(Once), Receive(Once), new Killed(), Receive(Once)]);
        AssertFinds(ViolationKind.Repeated, [.. Subscribe(), .. Publish(Once), Receive(Once), Receive(Once, QoS.AtLeastOnce)]);
        AssertClean([.. Subscribe(), .. Publish(First), Receive(First), Receive(First)]);
        AssertClean([.. Subscribe(), .. Publish(Once), Receive(Once, QoS.AtLeastOnce), Receive(Once, QoS.AtLeastOnce)]);
    }

    [Fact]
    public void The_next_session_of_a_client_may_be_given_a_QoS_2_message_again_only_if_the_first_ended_with_its_connection()
    {
        Happening[] Twice(bool first, bool next) =>
        [
            new Connecting(Sub, true, first), Connected(false), .. Subscriptions("t"), new Publishing(Pub, Once), Receive(Once), new Killed(),
            new Connecting(Sub, true, next), Connected(false), .. Subscriptions("t"), new Publishing(Pub, Once), Receive(Once),
        ];
        AssertFinds(ViolationKind.Repeated, Twice(first: true, next: true));
        AssertFinds(ViolationKind.Repeated, Twice(first: true, next: false));
        AssertClean(Twice(first: false, next: true));
        AssertClean(Twice(first: false, next: false));
    }

    [Fact]
    public void A_retained_QoS_2_message_comes_once_for_each_subscription()
    {
        Message kept = new(9, "t", QoS.ExactlyOnce, Retain: true);
        Happening[] once = [.. Publish(kept), .. Subscribe(), Replay(kept)];
        AssertClean(once);
        AssertClean([.. once, .. Subscriptions("t"), Replay(kept)]);
        AssertFinds(ViolationKind.Repeated, [.. once, Replay(kept)]);
    }

    [Fact]
    public void A_message_that_comes_first_behind_a_later_one_is_out_of_order()
    {
        AssertFinds(ViolationKind.OutOfOrder, [.. Subscribe(), .. Publish(First), .. Publish(Second), Receive(Second), Receive(First)]);
        AssertClean([.. Subscribe(), .. Publish(First), .. Publish(Second), Receive(First), Receive(Second), Receive(First)]);
    }

    [Fact]
    public void The_order_is_that_of_one_topic_and_one_QoS()
    {
        Message other = new(7, "u", QoS.AtLeastOnce);
        Message third = new(8, "t", QoS.AtLeastOnce);
        AssertClean([.. Subscribe(), .. Subscriptions("u"), .. Publish(other), .. Publish(third), Receive(third), Receive(other)]);
        AssertClean([.. Subscribe(), .. Publish(Once), .. Publish(third), Receive(third), Receive(Once)]);
    }

    [Fact]
    public void A_subscription_that_begins_amid_a_publisher_s_repetitions_may_see_them_begin_again() => AssertClean(
    [
        new Publishing(Pub, First), .. Subscribe(), new Publishing(Pub, Second), Receive(Second),
        new Publishing(Pub, First), new Publishing(Pub, Second), Receive(First), Receive(Second), new Acknowledged(Pub, 1), new Acknowledged(Pub, 2),
    ]);

    [Fact]
    public void A_message_for_which_there_was_no_subscription_is_uncalled()
    {
        AssertFinds(ViolationKind.Uncalled, [Connect(), Connected(false), .. Publish(First), Receive(First)]);
        AssertFinds(ViolationKind.Uncalled, [.. Subscribe(), .. Unsubscribe(), .. Publish(First), Receive(First)]);
        AssertFinds(ViolationKind.Uncalled, [.. Subscribe(), new Publishing(Pub, First), Replay(First)]);
        AssertClean([.. Subscribe(), new Publishing(Pub, First), .. Unsubscribe(), Receive(First)]);
        AssertClean([.. Subscribe(), new Unsubscribing(Sub, "t"), new Publishing(Pub, First), Receive(First)]);
    }

    [Fact]
    public void What_waited_for_a_session_that_was_ended_is_uncalled_in_the_next() => AssertFinds(
        ViolationKind.Uncalled,
        [.. Subscribe(), .. Publish(First), Connect(isClean: true), Connected(false), .. Subscriptions("t"), Receive(First)]);

    [Fact]
    public void A_session_that_its_client_ended_needs_nothing_any_more() =>
        AssertClean([.. Subscribe(), .. Publish(First), Connect(isClean: true), Connected(false)]);

    [Fact]
    public void A_session_that_ended_with_its_connection_leaves_no_subscription_to_the_next() => AssertClean(
    [
        new Connecting(Sub, true, IsDurable: false), Connected(false), .. Subscriptions("t"), new Killed(),
        Connect(), new Killed(), Connect(), Connected(true), .. Publish(First),
    ]);

    [Fact]
    public void A_payload_that_nobody_published_is_corrupt()
    {
        AssertFinds(ViolationKind.Corrupt, [.. Subscribe(), Receive(First)]);
        AssertFinds(ViolationKind.Corrupt, [.. Subscribe(), new Publishing(Pub, First), new Received(Sub, "u", First.Payload, QoS.AtLeastOnce, false)]);
        AssertFinds(ViolationKind.Corrupt, [.. Subscribe(), new Publishing(Pub, First), new Received(Sub, "t", First.Payload + "x", QoS.AtLeastOnce, false)]);
        AssertFinds(ViolationKind.Corrupt, [.. Subscribe(), new Publishing(Pub, First), new Received(Sub, "t", "", QoS.AtLeastOnce, false)]);
    }

    [Fact]
    public void A_session_that_must_be_there_and_is_not_is_lost_with_all_that_waited()
    {
        AssertFinds(ViolationKind.SessionLost, [Connect(), Connected(false), Connect(), Connected(false)]);
        IReadOnlyList<Violation> found = Judge([.. Subscribe(), .. Publish(First), Connect(), Connected(false)]);
        Assert.Equal([ViolationKind.SessionLost, ViolationKind.Lost], found.Select(v => v.Kind));
    }

    [Fact]
    public void A_session_that_must_not_be_there_has_returned()
    {
        AssertFinds(ViolationKind.SessionReturned, [Connect(), Connected(true)]);
        AssertFinds(ViolationKind.SessionReturned, [.. Subscribe(), Connect(isClean: true), Connected(true)]);
        AssertFinds(ViolationKind.SessionReturned, [new Connecting(Sub, true, false), Connected(false), Connect(), Connected(true)]);
    }

    [Fact]
    public void A_session_whose_CONNECT_was_not_answered_may_be_there_or_not()
    {
        AssertClean([Connect(), Connect(), Connected(true)]);
        AssertClean([Connect(), Connect(), Connected(false)]);
    }

    [Fact]
    public void A_retained_message_that_is_not_shown_is_lost()
    {
        AssertFinds(ViolationKind.RetainedLost, [.. Publish(Kept), .. Subscribe(), new RetainedShown(Sub)]);
        AssertFinds(ViolationKind.RetainedLost, [.. Publish(Kept), .. Subscribe(), .. Publish(KeptLater), Receive(KeptLater), Replay(Kept), new RetainedShown(Sub)]);
        AssertFinds(ViolationKind.RetainedLost, [.. Publish(Kept), .. Subscribe(), Replay(Kept), .. Publish(Clear), new RetainedShown(Sub)]);
        AssertClean([.. Publish(Kept), .. Publish(KeptLater), .. Subscribe(), Replay(KeptLater), new RetainedShown(Sub)]);
        AssertClean([.. Publish(Kept), .. Publish(Clear), .. Subscribe(), new RetainedShown(Sub)]);
    }

    [Fact]
    public void A_later_retained_message_without_acknowledgement_may_stand_in_its_place() =>
        AssertClean([.. Publish(Kept), new Publishing(Pub, KeptLater), .. Subscribe(), Replay(KeptLater), new RetainedShown(Sub)]);

    [Fact]
    public void A_retained_message_that_was_replaced_before_the_subscription_is_stale()
    {
        AssertFinds(ViolationKind.RetainedStale, [.. Publish(Kept), .. Publish(KeptLater), .. Subscribe(), Replay(Kept)]);
        AssertClean([.. Publish(Kept), new Publishing(Pub, KeptLater), .. Subscribe(), Replay(Kept), new Acknowledged(Pub, 5), Receive(KeptLater)]);
    }

    [Fact]
    public void A_will_that_is_due_and_does_not_come_is_lost()
    {
        AssertFinds(ViolationKind.Lost, [.. Subscribe(), new Publishing("mortal", Once), new WillDue("mortal", 3)]);
        AssertClean([.. Subscribe(), new Publishing("mortal", Once), new WillDue("mortal", 3), Receive(Once)]);
        AssertFinds(ViolationKind.Repeated, [.. Subscribe(), new Publishing("mortal", Once), new WillDue("mortal", 3), Receive(Once), Receive(Once)]);
    }

    [Fact]
    public void A_will_that_comes_though_its_client_returned_was_not_cancelled()
    {
        AssertFinds(ViolationKind.WillNotCancelled, [.. Subscribe(), new Publishing("lasting", Once), new WillCancelled("lasting", 3), Receive(Once)]);
        AssertFinds(ViolationKind.WillNotCancelled, [.. Subscribe(), new Publishing("lasting", Once), Receive(Once), new WillCancelled("lasting", 3)]);
        AssertClean([.. Subscribe(), new Publishing("lasting", Once), new WillCancelled("lasting", 3)]);
    }

    [Theory]
    [InlineData((int)ViolationKind.Refused)]
    [InlineData((int)ViolationKind.ClosedByBroker)]
    [InlineData((int)ViolationKind.Ended)]
    [InlineData((int)ViolationKind.Unfinished)]
    [InlineData((int)ViolationKind.Malformed)]
    public void What_a_client_itself_finds_wrong_counts(int kind) => AssertFinds((ViolationKind)kind, [new Breach(Sub, (ViolationKind)kind, "so it said")]);

    [Fact]
    public void A_message_is_told_from_every_other_by_its_payload()
    {
        Message message = new(123, "t", QoS.AtLeastOnce, Size: 5000);
        Assert.Equal(5000, message.Payload.Length);
        Assert.Equal(123, Message.NumberIn(message.Payload));
        Assert.NotEqual(message.Payload[9..], new Message(124, "t", QoS.AtLeastOnce, Size: 5000).Payload[9..]);
        Assert.Equal(-1, Message.NumberIn("1234"));
        Assert.Equal(-1, Message.NumberIn("12345678x123"));
    }

    private static void AssertFinds(ViolationKind kind, IEnumerable<Happening> story) => Assert.Equal(kind, Assert.Single(Judge(story)).Kind);

    private static void AssertClean(IEnumerable<Happening> story) => Assert.Empty(Judge(story));

    private static IReadOnlyList<Violation> Judge(IEnumerable<Happening> story)
    {
        var checker = new Checker();
        foreach (Happening happening in story)
            checker.Observe(happening);
        checker.Conclude();
        Assert.Equal(0, checker.Outstanding);
        return checker.Violations;
    }

    private static Connecting Connect(bool isClean = false) => new(Sub, isClean, IsDurable: true);

    private static Connected Connected(bool sessionPresent) => new(Sub, sessionPresent);

    private static Happening[] Subscribe() => [Connect(), Connected(false), .. Subscriptions("t")];

    private static Happening[] Subscriptions(string filter) => [new Subscribing(Sub, filter), new Subscribed(Sub, filter)];

    private static Happening[] Unsubscribe() => [new Unsubscribing(Sub, "t"), new Unsubscribed(Sub, "t")];

    private static Happening[] Publish(Message message) =>
        [new Publishing(Pub, message), new Acknowledged(Pub, message.Number), .. message.QoS == QoS.ExactlyOnce ? [new Completed(Pub, message.Number)] : (Happening[])[]];

    private static Received Receive(Message message, QoS? qos = null) => new(Sub, message.Topic, message.Payload, qos ?? message.QoS, Retain: false);

    private static Received Replay(Message message) => new(Sub, message.Topic, message.Payload, message.QoS, Retain: true);
}
