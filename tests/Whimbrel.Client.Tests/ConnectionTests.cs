using System.Collections.Concurrent;
using System.Threading.Channels;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Tests;

/// <summary>How connections are tried, followed and given up, against a server that the test plays.</summary>
public class ConnectionTests
{
    [Fact]
    public async Task The_wait_between_attempts_is_drawn_from_a_bound_that_doubles_and_stops_doubling()
    {
        var time = new HurriedTime(enough: 400);
        var server = new PlayedServer { IsAway = true };
        await using MqttClient client = server.NewClient(options =>
        {
            options.TimeProvider = time;
            options.Reconnect.RetryInitialConnect = true;
            options.Reconnect.DelayMin = TimeSpan.FromSeconds(1000);
            options.Reconnect.DelayMax = TimeSpan.FromSeconds(60_000);
            options.Reconnect.AttemptTimeout = TimeSpan.FromDays(1);
            options.DrainTimeout = TimeSpan.FromDays(1);
        });
        _ = client.ConnectAsync();
        TimeSpan[] waits = await time.Waits.WaitAsync(PlayedServer.Limit);
        double[] bounds = [.. waits.Select((_, i) => Math.Min(60_000, 1000 * Math.Pow(2, Math.Min(i, 10))))];
        Assert.All(waits.Zip(bounds), pair => Assert.InRange(pair.First.TotalSeconds, 0, pair.Second));

        // Full jitter: the lower and the upper quarter of the bound come about as often as the middle.
        double[] shares = [.. waits.Zip(bounds).Skip(6).Select(pair => pair.First.TotalSeconds / pair.Second)];
        Assert.InRange(shares.Count(share => share < 0.25), shares.Length / 8, shares.Length / 2);
        Assert.InRange(shares.Count(share => share > 0.75), shares.Length / 8, shares.Length / 2);
    }

    [Fact]
    public async Task A_change_of_the_network_ends_the_wait_for_the_next_attempt()
    {
        var time = new StoppedTime();
        var server = new PlayedServer { IsAway = true };
        await using MqttClient client = server.NewClient(options =>
        {
            options.TimeProvider = time;
            options.Reconnect.RetryInitialConnect = true;
            options.Reconnect.DelayMin = TimeSpan.FromHours(1);
            options.Reconnect.DelayMax = TimeSpan.FromHours(1);
            options.Reconnect.AttemptTimeout = TimeSpan.FromDays(1);
            options.DrainTimeout = TimeSpan.FromDays(1);
        });
        Task connecting = client.ConnectAsync();
        await time.Waiting.WaitAsync(PlayedServer.Limit);
        Assert.Single(server.Asked);
        server.IsAway = false;
        server.ChangeNetwork();
        await server.AcceptAsync();
        await connecting.WaitAsync(PlayedServer.Limit);
    }

    [Fact]
    public async Task A_change_of_the_network_asks_the_server_once_whether_it_still_hears()
    {
        var server = new PlayedServer();
        await using MqttClient client = server.NewClient(options => options.KeepAlive = TimeSpan.Zero);
        Task connecting = client.ConnectAsync();
        PlayedLink link = await server.AcceptAsync();
        await connecting.WaitAsync(PlayedServer.Limit);
        server.ChangeNetwork();
        server.ChangeNetwork();
        await client.PublishAsync("a", "x");
        Assert.Equal(PacketType.PingReq, (await link.HearAsync()).Type);
        Assert.Equal(PacketType.Publish, (await link.HearAsync()).Type);
    }

    [Theory]
    [InlineData(ReasonCode.NotAuthorized)]
    [InlineData(ReasonCode.Banned)]
    [InlineData(ReasonCode.ClientIdentifierNotValid)]
    public async Task A_refusal_for_good_ends_it_with_one_final_event_and_no_further_attempt(ReasonCode reason)
    {
        var server = new PlayedServer();
        await using MqttClient client = server.NewClient(options => options.Reconnect.RetryInitialConnect = true);
        Events events = Events.Of(client);
        Task<MqttConnectResult> connecting = client.ConnectAsync();
        PlayedLink first = await server.AcceptAsync();
        await connecting.WaitAsync(PlayedServer.Limit);
        first.Close();
        (PlayedLink second, _) = await server.NextAsync();
        second.Say(new ConnAckPacket { Reason = reason });
        MqttConnectionStateChangedEventArgs last = await events.UntilAsync(MqttConnectionState.Faulted);
        Assert.Equal(reason, Assert.IsType<MqttConnectException>(last.Reason).ReasonCode);
        Assert.Equal("Connecting Connected Reconnecting Faulted", events.ToString());
        await Assert.ThrowsAsync<MqttNotConnectedException>(() => client.PublishAsync("a", "x", MqttQoS.AtLeastOnce).AsTask());
        Assert.Equal(2, server.Asked.Count);
    }

    [Fact]
    public async Task Credentials_are_asked_for_at_every_attempt_and_once_more_when_they_are_refused()
    {
        var server = new PlayedServer();
        int asked = 0;
        await using MqttClient client = server.NewClient(options =>
        {
            options.Reconnect.RetryInitialConnect = true;
            options.CredentialProvider = _ => ValueTask.FromResult(new MqttCredentials("me", $"token{++asked}"));
        });
        Events events = Events.Of(client);
        _ = client.ConnectAsync();
        var said = new List<string>();
        foreach (ReasonCode reason in new[] { ReasonCode.ServerUnavailable, ReasonCode.BadUserNameOrPassword, ReasonCode.BadUserNameOrPassword })
        {
            (PlayedLink link, Heard connect) = await server.NextAsync();
            said.Add(connect.Credentials);
            link.Say(new ConnAckPacket { Reason = reason });
        }

        await events.UntilAsync(MqttConnectionState.Faulted);
        Assert.Equal(["me token1", "me token2", "me token3"], said);
        Assert.Equal(3, asked);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_refers_to_another_is_followed_only_if_that_is_allowed(bool follows)
    {
        var server = new PlayedServer();
        await using MqttClient client = server.NewClient(options => options.Reconnect.FollowServerReference = follows);
        Events events = Events.Of(client);
        Task<MqttConnectResult> connecting = client.ConnectAsync();
        (PlayedLink first, _) = await server.NextAsync();
        first.Say(new ConnAckPacket { Reason = ReasonCode.UseAnotherServer, ServerReference = "second:1999"u8 });
        if (!follows)
        {
            MqttConnectException refused = await Assert.ThrowsAsync<MqttConnectException>(() => connecting.WaitAsync(PlayedServer.Limit));
            Assert.Equal("second:1999", refused.ServerReference);
            await events.UntilAsync(MqttConnectionState.Faulted);
            Assert.Equal(["mqtt://played:1883"], server.Asked);
            return;
        }

        PlayedLink second = await server.AcceptAsync();
        await connecting.WaitAsync(PlayedServer.Limit);
        second.Say(new DisconnectPacket { Reason = ReasonCode.ServerMoved, ServerReference = "mqtts://third"u8 });
        await server.AcceptAsync();
        await events.UntilAsync(MqttConnectionState.Connected, 2);
        Assert.Equal(["mqtt://played:1883", "mqtt://second:1999", "mqtts://third:8883"], server.Asked);
    }

    [Fact]
    public async Task Servers_that_refer_to_each_other_in_a_ring_are_given_up()
    {
        var server = new PlayedServer();
        await using MqttClient client = server.NewClient(options => options.Reconnect.FollowServerReference = true);
        Task<MqttConnectResult> connecting = client.ConnectAsync();
        for (int i = 0; i < 6; i++)
        {
            (PlayedLink link, _) = await server.NextAsync();
            link.Say(new ConnAckPacket { Reason = ReasonCode.UseAnotherServer, ServerReference = i % 2 == 0 ? "two"u8 : "one"u8 });
        }

        await Assert.ThrowsAsync<MqttConnectException>(() => connecting.WaitAsync(PlayedServer.Limit));
        Assert.Equal((MqttConnectionState.Faulted, 6), (client.State, server.Asked.Count));
    }

    [Fact]
    public async Task An_outbox_that_is_full_refuses_when_it_is_to_refuse()
    {
        (MqttClient client, PlayedLink link) = await ConnectedAsync(MqttOutboxFull.Refuse);
        Task[] taken = [.. Enumerable.Range(0, 2).Select(n => client.PublishAsync("a", $"{n}", MqttQoS.AtLeastOnce).AsTask())];
        await Assert.ThrowsAsync<MqttOutboxFullException>(() => client.PublishAsync("a", "2", MqttQoS.AtLeastOnce).AsTask());
        await Assert.ThrowsAsync<MqttOutboxFullException>(() => client.EnqueueAsync("a", "2").AsTask());
        link.Acknowledge(await link.HearAsync());
        link.Acknowledge(await link.HearAsync());
        await Task.WhenAll(taken).WaitAsync(PlayedServer.Limit);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task An_outbox_that_is_full_gives_up_the_oldest_that_has_not_left_when_it_is_to_do_so()
    {
        (MqttClient client, PlayedLink link) = await ConnectedAsync(MqttOutboxFull.DropOldest);
        Task<MqttPublishResult>[] taken = [.. Enumerable.Range(0, 4).Select(n => client.PublishAsync("a", $"{n}", MqttQoS.AtLeastOnce).AsTask())];
        await Assert.ThrowsAsync<MqttOutboxFullException>(() => taken[1].WaitAsync(PlayedServer.Limit));
        await Assert.ThrowsAsync<MqttOutboxFullException>(() => taken[2].WaitAsync(PlayedServer.Limit));
        Heard first = await link.HearAsync();
        link.Acknowledge(first);
        Heard next = await link.HearAsync();
        link.Acknowledge(next);
        Assert.Equal(("0", "3"), (first.Payload, next.Payload));
        await Task.WhenAll(taken[0], taken[3]).WaitAsync(PlayedServer.Limit);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task An_outbox_that_is_full_lets_callers_wait_by_default()
    {
        (MqttClient client, PlayedLink link) = await ConnectedAsync(MqttOutboxFull.Wait);
        Task<MqttPublishResult>[] all = [.. Enumerable.Range(0, 5).Select(n => client.PublishAsync("a", $"{n}", MqttQoS.AtLeastOnce).AsTask())];
        using var cancellation = new CancellationTokenSource();
        Task<MqttPublishResult> impatient = client.PublishAsync("a", "never", MqttQoS.AtLeastOnce, cancellationToken: cancellation.Token).AsTask();
        cancellation.Cancel();
        Assert.False((await Assert.ThrowsAsync<MqttPublishCanceledException>(() => impatient.WaitAsync(PlayedServer.Limit))).MaybeDelivered);
        var heard = new List<string>();
        for (int i = 0; i < 5; i++)
        {
            Heard publish = await link.HearAsync();
            heard.Add(publish.Payload);
            link.Acknowledge(publish);
        }

        await Task.WhenAll(all).WaitAsync(PlayedServer.Limit);
        Assert.Equal(["0", "1", "2", "3", "4"], heard.Order());
        await client.DisposeAsync();
    }

    /// <summary>A client whose outbox holds two messages, one of them on its way.</summary>
    private static async Task<(MqttClient Client, PlayedLink Link)> ConnectedAsync(MqttOutboxFull whenFull)
    {
        var server = new PlayedServer();
        MqttClient client = server.NewClient(options =>
        {
            options.Limits.InFlightMax = 1;
            options.Outbox.MessagesMax = 2;
            options.Outbox.WhenFull = whenFull;
        });
        Task<MqttConnectResult> connecting = client.ConnectAsync();
        PlayedLink link = await server.AcceptAsync();
        await connecting.WaitAsync(PlayedServer.Limit);
        return (client, link);
    }

    /// <summary>The changes of state of a client.</summary>
    private sealed class Events
    {
        private readonly ConcurrentQueue<MqttConnectionStateChangedEventArgs> _all = new();
        private readonly Channel<bool> _more = Channel.CreateUnbounded<bool>();

        public static Events Of(MqttClient client)
        {
            var events = new Events();
            client.ConnectionStateChanged += (_, change) =>
            {
                events._all.Enqueue(change);
                events._more.Writer.TryWrite(true);
            };
            return events;
        }

        public async Task<MqttConnectionStateChangedEventArgs> UntilAsync(MqttConnectionState state, int times = 1)
        {
            while (_all.Count(change => change.State == state) < times)
                await _more.Reader.ReadAsync().AsTask().WaitAsync(PlayedServer.Limit);
            return _all.Last(change => change.State == state);
        }

        public override string ToString() => string.Join(' ', _all.Select(change => change.State));
    }

    /// <summary>Lets every wait of less than a day pass at once, and notes how long it would have been, until it has seen enough.</summary>
    private sealed class HurriedTime(int enough) : TimeProvider
    {
        private readonly TaskCompletionSource<TimeSpan[]> _waits = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<TimeSpan> _seen = [];

        public Task<TimeSpan[]> Waits => _waits.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            bool passes = dueTime > TimeSpan.Zero && dueTime < TimeSpan.FromDays(1) && !_waits.Task.IsCompleted;
            if (passes)
            {
                _seen.Add(dueTime);
                if (_seen.Count == enough)
                    _waits.TrySetResult([.. _seen]);
            }

            return base.CreateTimer(callback, state, passes ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The first wait lasts for ever, those after it no time; what would last a day is not waited for.</summary>
    private sealed class StoppedTime : TimeProvider
    {
        private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Waiting => _waiting.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            bool passes = dueTime > TimeSpan.Zero && dueTime < TimeSpan.FromDays(1) && !_waiting.TrySetResult();
            return base.CreateTimer(callback, state, passes ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
