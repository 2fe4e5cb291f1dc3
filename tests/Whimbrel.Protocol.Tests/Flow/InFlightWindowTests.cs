using Whimbrel.Protocol.Flow;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>The sending side of QoS 1 and 2, which the broker and the client library share.</summary>
public class InFlightWindowTests
{
    private readonly InFlightWindow<string> _window = new();

    [Fact]
    [Clause("MQTT-4.3.2-1")]
    [Clause("MQTT-4.3.3-1")]
    [Clause("MQTT-2.2.1-3")]
    public void Identifiers_go_round_without_0_and_step_over_those_in_use()
    {
        ushort kept = _window.Add("kept", QoS.AtLeastOnce);
        Assert.Equal(1, kept);
        var given = new List<ushort>();
        for (int i = 0; i < ushort.MaxValue; i++)
        {
            ushort id = _window.Add("passing", QoS.AtLeastOnce);
            given.Add(id);
            Assert.True(_window.TryComplete(id, InFlightState.AwaitingPubAck, out _));
        }

        Assert.Equal([.. Enumerable.Range(2, ushort.MaxValue - 1), 2], given.Select(id => (int)id));
    }

    [Fact]
    [Clause("MQTT-4.9.0-1")]
    [Clause("MQTT-4.9.0-2")]
    public void The_quota_starts_at_the_Receive_Maximum_and_is_given_back_by_PUBACK_PUBCOMP_and_a_refusing_PUBREC_only()
    {
        _window.Open(3);
        Assert.Equal(3, _window.Free);
        ushort one = _window.Add("one", QoS.AtLeastOnce);
        ushort two = _window.Add("two", QoS.ExactlyOnce);
        ushort three = _window.Add("three", QoS.ExactlyOnce);
        Assert.Equal(0, _window.Free);
        Assert.True(_window.TryReceived(two, "released"));
        Assert.Equal(0, _window.Free);
        Assert.True(_window.TryComplete(one, InFlightState.AwaitingPubAck, out string? item));
        Assert.Equal(("one", 1), (item, _window.Free));
        Assert.True(_window.TryComplete(three, InFlightState.AwaitingPubRec, out item));
        Assert.Equal(("three", 2), (item, _window.Free));
        Assert.True(_window.TryComplete(two, InFlightState.AwaitingPubComp, out item));
        Assert.Equal(("released", 3), (item, _window.Free));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-5, 1)]
    [InlineData(1, 1)]
    [InlineData(100_000, 65_535)]
    public void The_quota_is_never_0_and_never_more_than_there_are_identifiers(int asked, int granted)
    {
        _window.Open(asked);
        Assert.Equal((granted, granted), (_window.SendMaximum, _window.Free));
    }

    [Fact]
    [Clause("MQTT-4.3.2-3")]
    [Clause("MQTT-4.3.3-3")]
    [Clause("MQTT-4.3.3-5")]
    public void Only_the_acknowledgement_that_is_due_completes_an_entry()
    {
        ushort one = _window.Add("one", QoS.AtLeastOnce);
        ushort two = _window.Add("two", QoS.ExactlyOnce);
        Assert.False(_window.TryComplete(one, InFlightState.AwaitingPubComp, out _));
        Assert.False(_window.TryComplete(one, InFlightState.AwaitingPubRec, out _));
        Assert.False(_window.TryReceived(one, "released"));
        Assert.False(_window.TryComplete(two, InFlightState.AwaitingPubAck, out _));
        Assert.False(_window.TryComplete(two, InFlightState.AwaitingPubComp, out _));
        Assert.False(_window.TryComplete(99, InFlightState.AwaitingPubAck, out _));
        Assert.False(_window.TryReceived(99, "released"));
        Assert.Equal([("one", InFlightState.AwaitingPubAck), ("two", InFlightState.AwaitingPubRec)], _window.InOrder().Select(entry => (entry.Item, entry.State)));
    }

    [Fact]
    [Clause("MQTT-4.3.3-6")]
    [Clause("MQTT-4.4.0-1")]
    public void After_PUBREC_it_is_PUBREL_that_comes_again_and_a_second_PUBREC_changes_nothing()
    {
        ushort two = _window.Add("two", QoS.ExactlyOnce);
        Assert.True(_window.TryReceived(two, "released"));
        Assert.True(_window.TryReceived(two, "released"));
        _window.Open(10);
        Assert.Equal([(two, InFlightState.AwaitingPubComp)], Resends().Select(entry => (entry.PacketId, entry.State)));
    }

    [Fact]
    [Clause("MQTT-4.6.0-1")]
    [Clause("MQTT-4.6.0-4")]
    [Clause311("MQTT-4.6.0-1")]
    [Clause311("MQTT-4.6.0-4")]
    public void What_comes_again_keeps_the_order_of_the_PUBLISH_packets_and_of_the_PUBRECs()
    {
        ushort[] ids = [.. "abcdefgh".Select(c => _window.Add(c.ToString(), QoS.ExactlyOnce))];
        foreach (int index in new[] { 6, 1, 3 })
            _window.TryReceived(ids[index], "released");
        _window.TryComplete(ids[4], InFlightState.AwaitingPubRec, out _);
        _window.Open(100);
        List<InFlight<string>> again = Resends();
        Assert.Equal([ids[6], ids[1], ids[3]], again.Where(entry => entry.State == InFlightState.AwaitingPubComp).Select(entry => entry.PacketId));
        Assert.Equal([ids[0], ids[2], ids[5], ids[7]], again.Where(entry => entry.State == InFlightState.AwaitingPubRec).Select(entry => entry.PacketId));
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    public void What_comes_again_is_held_to_the_new_Receive_Maximum_and_new_messages_wait_behind_it()
    {
        ushort[] ids = [.. Enumerable.Range(0, 5).Select(i => _window.Add("x", QoS.AtLeastOnce))];
        _window.Open(2);
        Assert.Equal(ids[..2], Resends().Select(entry => entry.PacketId));
        Assert.True(_window.HasResends);
        Assert.Equal(0, _window.Free);
        Complete(ids[1]);
        Assert.Equal([ids[2]], Resends().Select(entry => entry.PacketId));
        Complete(ids[0]);
        Complete(ids[2]);
        Assert.Equal(ids[3..], Resends().Select(entry => entry.PacketId));
        Assert.False(_window.TryNextResend(out _));
        Assert.False(_window.HasResends);
        Assert.Equal(0, _window.Free);
        Complete(ids[4]);
        Assert.Equal(1, _window.Free);
    }

    [Fact]
    [Clause("MQTT-3.3.4-8")]
    [Clause("MQTT-3.3.4-10")]
    public void PUBREL_comes_again_at_once_however_many_PUBLISH_packets_wait_for_the_quota()
    {
        ushort[] ids = [.. Enumerable.Range(0, 5).Select(i => _window.Add("x", QoS.ExactlyOnce))];
        _window.TryReceived(ids[0], "released");
        _window.TryReceived(ids[4], "released");
        _window.Open(1);
        Assert.Equal([ids[0], ids[4]], Resends().Take(2).Select(entry => entry.PacketId));
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    public void PUBCOMP_for_a_PUBREL_that_came_again_does_not_open_the_window_beyond_its_maximum()
    {
        ushort released = _window.Add("released", QoS.ExactlyOnce);
        _window.TryReceived(released, "released");
        ushort[] ids = [.. Enumerable.Range(0, 4).Select(i => _window.Add("x", QoS.AtLeastOnce))];
        _window.Open(2);
        int open = Resends().Count(entry => entry.State == InFlightState.AwaitingPubAck);
        Assert.True(_window.TryComplete(released, InFlightState.AwaitingPubComp, out _));
        open += Resends().Count;
        Assert.Equal(2, open);
        Complete(ids[0]);
        Assert.Single(Resends());
    }

    [Fact]
    [Clause("MQTT-3.3.4-9")]
    public void An_acknowledgement_that_comes_before_its_PUBLISH_came_again_opens_nothing()
    {
        ushort[] ids = [.. Enumerable.Range(0, 6).Select(i => _window.Add("x", i < 3 ? QoS.AtLeastOnce : QoS.ExactlyOnce))];
        _window.Open(1);
        Assert.Equal([ids[0]], Resends().Select(entry => entry.PacketId));
        // The peer remembers these from the connection before.
        Complete(ids[1]);
        Assert.True(_window.TryReceived(ids[3], "released"));
        Assert.Empty(Resends());
        Complete(ids[0]);
        Assert.True(_window.TryComplete(ids[3], InFlightState.AwaitingPubComp, out _));
        Assert.Equal([ids[2]], Resends().Select(entry => entry.PacketId));
        Complete(ids[2]);
        Assert.Equal([ids[4]], Resends().Select(entry => entry.PacketId));
        Assert.Equal(2, _window.Count);
    }

    [Fact]
    [Clause("MQTT-3.3.4-8")]
    [Clause("MQTT-4.9.0-3")]
    public void A_full_window_still_gives_identifiers_to_other_packets()
    {
        _window.Open(2);
        ushort[] ids = [_window.Add("x", QoS.AtLeastOnce), _window.Add("x", QoS.AtLeastOnce)];
        Assert.Equal(0, _window.Free);
        ushort subscribe = _window.TakeId(id => id == 3);
        Assert.Equal(4, subscribe);
        Assert.DoesNotContain(subscribe, ids);
    }

    [Fact]
    public void Clear_forgets_everything_but_gives_the_next_identifier()
    {
        ushort old = _window.Add("x", QoS.AtLeastOnce);
        _window.Open(1);
        Resends();
        _window.Clear();
        Assert.Equal((0, 1, false), (_window.Count, _window.Free, _window.HasResends));
        Assert.False(_window.TryGet(old, out _));
        Assert.NotEqual(old, _window.Add("y", QoS.AtLeastOnce));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_traffic_over_many_connections_never_exceeds_the_maximum_and_loses_nothing(int seed)
    {
        var random = new Random(seed);
        var sent = new Dictionary<ushort, InFlightState>();
        for (int connection = 0; connection < 300; connection++)
        {
            int maximum = random.Next(1, 6);
            _window.Open(maximum);
            sent.Clear();
            for (int step = 0; step < 60; step++)
            {
                foreach (InFlight<string> entry in Resends())
                    sent[entry.PacketId] = entry.State;
                if (_window.Free > 0 && random.Next(2) == 0)
                {
                    QoS qos = (QoS)random.Next(1, 3);
                    ushort id = _window.Add("x", qos);
                    Assert.True(sent.TryAdd(id, qos == QoS.AtLeastOnce ? InFlightState.AwaitingPubAck : InFlightState.AwaitingPubRec), "an identifier in use was given");
                }
                else if (_window.InOrder() is { Length: > 0 } all)
                {
                    // Mostly what was sent here, sometimes what the peer remembers from before.
                    InFlight<string> entry = all[random.Next(all.Length)];
                    if (!sent.ContainsKey(entry.PacketId) && random.Next(4) != 0)
                        continue;
                    if (entry.State == InFlightState.AwaitingPubRec && random.Next(4) != 0)
                    {
                        Assert.True(_window.TryReceived(entry.PacketId, "released"));
                        sent[entry.PacketId] = InFlightState.AwaitingPubComp;
                    }
                    else
                    {
                        Assert.True(_window.TryComplete(entry.PacketId, entry.State, out _));
                        sent.Remove(entry.PacketId);
                    }
                }

                Assert.True(sent.Values.Count(state => state != InFlightState.AwaitingPubComp) <= maximum, $"seed {seed}, connection {connection}, step {step}");
            }
        }

        _window.Open(65_535);
        Assert.Equal(_window.Count, Resends().Count);
    }

    private void Complete(ushort id) => Assert.True(_window.TryComplete(id, InFlightState.AwaitingPubAck, out _));

    private List<InFlight<string>> Resends()
    {
        var entries = new List<InFlight<string>>();
        while (_window.TryNextResend(out InFlight<string> entry))
            entries.Add(entry);
        return entries;
    }
}
