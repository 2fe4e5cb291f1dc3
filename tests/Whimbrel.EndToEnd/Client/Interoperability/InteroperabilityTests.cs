using System.Security.Cryptography;
using Whimbrel.Client;

namespace Whimbrel.EndToEnd.Client.Interoperability;

/// <summary>
/// What the client does with a broker that is not in its process. Each test is a cell of the table: "yes", or what the broker does not offer
/// and how that showed; everything else is a failure.
/// </summary>
public abstract class InteroperabilityTests(ForeignBroker broker)
{
    private const string Yes = "yes";
    private const int UnderWay = 300;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _name = $"t{Guid.NewGuid().ToString("N")[..8]}";

    [Fact]
    public Task The_version_is_agreed_on() => IsAsync(Rows.Version, async () =>
    {
        await using MqttClient client = New();
        MqttConnectResult result = await client.ConnectAsync();
        Assert.Equal(MqttConnectionState.Connected, client.State);
        return result.Server.ProtocolVersion == MqttProtocolVersion.Mqtt50 ? "5.0" : "3.1.1";
    });

    [Theory]
    [InlineData(MqttQoS.AtMostOnce)]
    [InlineData(MqttQoS.AtLeastOnce)]
    [InlineData(MqttQoS.ExactlyOnce)]
    public Task Messages_arrive_in_order(MqttQoS qos) => IsAsync(Row(qos, Rows.QoS0, Rows.QoS1, Rows.QoS2), async () =>
    {
        await using MqttClient client = New();
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync($"{_name}/a", new MqttSubscribeOptions { QoS = qos });
        if (subscription.GrantedQoS != qos)
            return await RefusedAsync(client, qos, subscription.GrantedQoS);
        for (int i = 0; i < 50; i++)
            await client.PublishAsync($"{_name}/a", $"{i}", qos);
        await foreach ((int index, MqttMessage message) in subscription.Take(50).Index())
            Assert.Equal(($"{index}", qos), (message.GetString(), message.QoS));
        return Yes;
    });

    [Fact]
    public Task Wildcards_match() => IsAsync(Rows.Wildcards, async () =>
    {
        await using MqttClient client = New();
        await using MqttSubscription plus = await client.OpenSubscriptionAsync($"{_name}/+/temp", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using MqttSubscription hash = await client.OpenSubscriptionAsync($"{_name}/kitchen/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        foreach (string topic in new[] { "cellar/hum", "cellar/temp", "kitchen/hum", "cellar/temp/old", "kitchen/temp/old", "attic/temp", "kitchen/end" })
            await client.PublishAsync($"{_name}/{topic}", topic, MqttQoS.AtLeastOnce);
        Assert.Equal(["cellar/temp", "attic/temp"], await TextsAsync(plus, 2));
        Assert.Equal(["kitchen/hum", "kitchen/temp/old", "kitchen/end"], await TextsAsync(hash, 3));
        return Yes;
    });

    [Fact]
    public Task A_message_for_two_subscriptions_comes_to_each_once() => IsAsync(Rows.Overlapping, async () =>
    {
        await using MqttClient client = New();
        await using MqttSubscription plus = await client.OpenSubscriptionAsync($"{_name}/+/temp", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using MqttSubscription hash = await client.OpenSubscriptionAsync($"{_name}/kitchen/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await client.PublishAsync($"{_name}/kitchen/temp", "both", MqttQoS.AtLeastOnce);
        await client.PublishAsync($"{_name}/attic/temp", "end", MqttQoS.AtLeastOnce);
        await client.PublishAsync($"{_name}/kitchen/end", "end", MqttQoS.AtLeastOnce);
        foreach (MqttSubscription subscription in new[] { plus, hash })
        {
            List<string> texts = await subscription.Select(message => message.GetString()).TakeWhile(text => text != "end").ToListAsync();
            if (texts.SequenceEqual(["both", "both"]) && client.Server!.ProtocolVersion == MqttProtocolVersion.Mqtt311)
                return "not offered: sends a copy for each, and 3.1.1 cannot say for which";
            Assert.Equal(["both"], texts);
        }

        return Yes;
    });

    [Fact]
    public Task A_retained_message_comes_to_who_subscribes_later_until_it_is_cleared() => IsAsync(Rows.Retained, async () =>
    {
        await using MqttClient client = New();
        await client.PublishAsync($"{_name}/r", "kept", MqttQoS.AtLeastOnce, retain: true);
        await client.PublishAsync($"{_name}/cleared", "kept", MqttQoS.AtLeastOnce, retain: true);
        await client.PublishAsync($"{_name}/cleared", "", MqttQoS.AtLeastOnce, retain: true);
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync($"{_name}/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await client.PublishAsync($"{_name}/new", "new", MqttQoS.AtLeastOnce);
        List<MqttMessage> messages = await ReadAsync(subscription, 2);
        Assert.Equal([("kept", true), ("new", false)], messages.Select(message => (message.GetString(), message.Retain)).Order());
        return Yes;
    });

    [Fact]
    public Task The_will_is_published_for_who_goes_without_a_word() => IsAsync(Rows.Will, async () =>
    {
        await using MqttClient watcher = New();
        await using MqttSubscription wills = await watcher.OpenSubscriptionAsync($"{_name}/+", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        await using (MqttClient polite = New(options => options.Will = new MqttWill { Topic = $"{_name}/polite" }))
            await polite.ConnectAsync();
        MqttClient rude = New(options => options.Will = new MqttWill { Topic = $"{_name}/rude", Payload = "lost"u8.ToArray() });
        await rude.ConnectAsync();
        await rude.AbortAsync();
        MqttMessage will = (await ReadAsync(wills, 1))[0];
        Assert.Equal(($"{_name}/rude", "lost"), (will.Topic, will.GetString()));
        return Yes;
    });

    [Fact]
    public Task A_large_payload_arrives_whole() => IsAsync(Rows.Large, async () =>
    {
        await using MqttClient client = New();
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync($"{_name}/large", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        byte[] payload = RandomNumberGenerator.GetBytes(1_000_000);
        await client.PublishAsync($"{_name}/large", payload, MqttQoS.AtLeastOnce);
        MqttMessage message = (await ReadAsync(subscription, 1))[0];
        Assert.True(payload.AsSpan().SequenceEqual(message.Payload.Span));
        return Yes;
    });

    [Fact]
    public Task A_session_is_resumed_with_what_came_meanwhile() => IsAsync(Rows.Resumed, async () =>
    {
        await using MqttClient publisher = New();
        await using (MqttClient first = New(Lasting))
        {
            await first.OpenSubscriptionAsync($"{_name}/s", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        }

        for (int i = 0; i < 50; i++)
            await publisher.PublishAsync($"{_name}/s", $"{i}", MqttQoS.AtLeastOnce);
        await using MqttClient second = New(Lasting);
        Task<MqttSubscription> subscribing = second.OpenSubscriptionAsync($"{_name}/s", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        Assert.True((await second.ConnectAsync()).SessionPresent);
        await using MqttSubscription subscription = await subscribing;
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), await TextsAsync(subscription, 50));
        return Yes;
    });

    [Theory]
    [InlineData(MqttQoS.AtLeastOnce)]
    [InlineData(MqttQoS.ExactlyOnce)]
    public Task Nothing_is_lost_when_connections_are_cut(MqttQoS qos) => IsAsync(Row(qos, "", Rows.Cut1, Rows.Cut2), async () =>
    {
        await using Relay relay = Relay.To(broker.Port);
        return await UnderWayAsync(qos, relay.Port, step =>
        {
            if (step % 25 == 0)
                relay.CutAll();
            return Task.CompletedTask;
        });
    });

    [Theory]
    [InlineData(MqttQoS.AtLeastOnce)]
    [InlineData(MqttQoS.ExactlyOnce)]
    public Task Nothing_is_lost_when_the_broker_stops_and_starts(MqttQoS qos) => IsAsync(Row(qos, "", Rows.Stopped1, Rows.Stopped2), () => UnderWayAsync(qos, broker.Port, async step =>
    {
        if (step != UnderWay / 3)
            return;
        await broker.StopAsync();
        broker.Start();
    }));

    [Theory]
    [InlineData(MqttQoS.AtLeastOnce)]
    [InlineData(MqttQoS.ExactlyOnce)]
    public Task Nothing_is_lost_when_the_broker_is_killed(MqttQoS qos) => IsAsync(Row(qos, "", Rows.Killed1, Rows.Killed2), () => UnderWayAsync(qos, broker.Port, async step =>
    {
        if (step != UnderWay / 3)
            return;
        await broker.KillAsync();
        broker.Start();
    }));

    [Fact]
    public Task A_killed_broker_finds_its_subscriber_again() => IsAsync(Rows.Back, async () =>
    {
        await using MqttClient client = New();
        await using MqttSubscription subscription = await client.OpenSubscriptionAsync($"{_name}/b", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        Task back = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        await broker.KillAsync();
        await back;
        broker.Start();
        await client.WaitForConnectedAsync();
        await client.PingAsync();
        await client.PublishAsync($"{_name}/b", "again", MqttQoS.AtLeastOnce);
        Assert.Equal(["again"], await TextsAsync(subscription, 1));
        return Yes;
    });

    [Fact]
    public Task A_request_is_answered() => IsAsync(Rows.Request, async () =>
    {
        await using MqttClient server = New();
        await using MqttClient client = New();
        await using MqttSubscription echo = await server.RespondAsync($"{_name}/echo", (request, _) => ValueTask.FromResult(new MqttResponse { Payload = request.Payload }));
        MqttMessage answer = await client.RequestAsync(new MqttPublishRequest { Topic = $"{_name}/echo", Payload = "there and back"u8.ToArray() });
        Assert.Equal("there and back", answer.GetString());
        return client.Server!.ProtocolVersion == MqttProtocolVersion.Mqtt50 ? Yes : "yes, by topics";
    });

    [Fact]
    public Task A_request_to_nobody_fails() => IsAsync(Rows.Nobody, async () =>
    {
        await using MqttClient client = New();
        try
        {
            await client.RequestAsync(new MqttPublishRequest { Topic = $"{_name}/nobody" }, TimeSpan.FromSeconds(1));
            return "answered";
        }
        catch (MqttNoRespondersException)
        {
            return "fails at once";
        }
        catch (TimeoutException)
        {
            return $"fails by its timeout: {(client.Server!.ProtocolVersion == MqttProtocolVersion.Mqtt50 ? "the broker does not" : "3.1.1 cannot")} say that nobody listens";
        }
    });

    private static string Row(MqttQoS qos, params ReadOnlySpan<string> rows) => rows[(int)qos];

    private static async Task<List<MqttMessage>> ReadAsync(MqttSubscription subscription, int count) => await subscription.Take(count).ToListAsync();

    private static async Task<List<string>> TextsAsync(MqttSubscription subscription, int count) =>
        [.. (await ReadAsync(subscription, count)).Select(message => message.GetString())];

    /// <summary>A broker that grants less also refuses such a message.</summary>
    private async Task<string> RefusedAsync(MqttClient client, MqttQoS qos, MqttQoS granted)
    {
        var refusal = await Assert.ThrowsAsync<MqttPublishException>(() => client.PublishAsync($"{_name}/a", "x", qos).AsTask());
        return $"not offered: grants QoS {(int)granted}, {(refusal.ReasonCode is { } reason && client.Server!.ProtocolVersion == MqttProtocolVersion.Mqtt50 ? $"refuses ({reason})" : "closes the connection over a message")}";
    }

    /// <summary>
    /// Messages are under way to a subscriber whose session lasts while something happens. The delivery of all of them must succeed, all must arrive,
    /// and of QoS 2 each once.
    /// </summary>
    private async Task<string> UnderWayAsync(MqttQoS qos, int port, Func<int, Task> happenAsync)
    {
        await using MqttClient publisher = New(port, options =>
        {
            // QoS 2 holds within a session, and that of 3.1.1 ends with the connection unless it is asked to last.
            Lasting(options);
            options.ClientId = $"{_name}-publisher";
        });
        await using MqttClient subscriber = New(port, Lasting);
        bool isLost = false;
        subscriber.ConnectionStateChanged += (_, change) => isLost |= change.SessionLost;
        var counts = new int[UnderWay + 1];
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int missing = UnderWay;
        await using MqttSubscription subscription = await subscriber.OpenSubscriptionAsync(
            $"{_name}/u",
            (message, _) =>
            {
                int number = int.Parse(message.GetString());
                if (Interlocked.Increment(ref counts[number]) == 1 && number < UnderWay && Interlocked.Decrement(ref missing) == 0)
                    all.SetResult();
                if (number == UnderWay)
                    ended.TrySetResult();
                return ValueTask.CompletedTask;
            },
            new MqttSubscribeOptions { QoS = qos });
        if (subscription.GrantedQoS != qos)
            return $"not offered: grants QoS {(int)subscription.GrantedQoS}";
        var publishing = new List<Task>();
        for (int i = 0; i < UnderWay; i++)
        {
            publishing.Add(publisher.PublishAsync($"{_name}/u", $"{i}", qos).AsTask());
            if (i % 10 == 9)
                await publishing[i - 9];
            await happenAsync(i + 1);
        }

        await Task.WhenAll(publishing);
        await AnsweredAsync(subscriber);
        if (isLost)
            return "not offered: its sessions are gone then";
        await all.Task.WaitAsync(TimeSpan.FromSeconds(10)).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.True(missing == 0, $"{missing} are lost: {string.Join(' ', counts.Index().Where(count => count.Item == 0).Select(count => count.Index))}");
        if (qos != MqttQoS.ExactlyOnce)
            return Yes;
        if (broker.BreaksQoS2 is { } breach)
            return $"none lost; once is not offered: {breach}";
        await publisher.PublishAsync($"{_name}/u", $"{UnderWay}", qos);
        await ended.Task;
        Assert.True(counts.All(count => count == 1), $"more than once: {string.Join(' ', counts.Index().Where(count => count.Item > 1).Select(count => $"{count.Index} ({count.Item})"))}");
        return Yes;
    }

    /// <summary>The broker has answered by the connection that stands now, whatever became of those before.</summary>
    private static async Task AnsweredAsync(MqttClient client)
    {
        while (true)
        {
            try
            {
                await client.PingAsync();
                return;
            }
            catch (MqttNotConnectedException)
            {
                await client.WaitForConnectedAsync();
            }
        }
    }

    private async Task IsAsync(string row, Func<Task<string>> scenario)
    {
        broker.Start();
        InteroperabilityTable.AssertCell(row, broker.Name, await scenario().WaitAsync(Limit));
    }

    private void Lasting(MqttClientOptions options)
    {
        options.ClientId = $"{_name}-lasting";
        options.SessionExpiry = TimeSpan.FromHours(1);
    }

    private MqttClient New(Action<MqttClientOptions>? configure = null) => New(broker.Port, configure);

    private static MqttClient New(int port, Action<MqttClientOptions>? configure = null)
    {
        var options = new MqttClientOptions
        {
            Endpoints = { $"mqtt://127.0.0.1:{port}" },
            Reconnect = { RetryInitialConnect = true, DelayMin = TimeSpan.FromMilliseconds(5), DelayMax = TimeSpan.FromMilliseconds(100) },
        };
        configure?.Invoke(options);
        return new MqttClient(options);
    }
}

public class InteroperabilityTableTests
{
    [Fact]
    public void The_table_has_an_answer_in_every_cell_and_nothing_else()
    {
        (string isNow, string shouldBe) = InteroperabilityTable.Compare();
        Assert.DoesNotContain("| ? |", shouldBe, StringComparison.Ordinal);
        Assert.Equal(shouldBe, isNow);
    }
}

public class WhimbrelInteroperabilityTests(WhimbrelServer broker) : InteroperabilityTests(broker), IClassFixture<WhimbrelServer>;

public class MosquittoInteroperabilityTests(Mosquitto broker) : InteroperabilityTests(broker), IClassFixture<Mosquitto>;

public class NatsInteroperabilityTests(NatsServer broker) : InteroperabilityTests(broker), IClassFixture<NatsServer>;

public class AedesInteroperabilityTests(Aedes broker) : InteroperabilityTests(broker), IClassFixture<Aedes>;

public class MqttNetInteroperabilityTests(MqttNetServer broker) : InteroperabilityTests(broker), IClassFixture<MqttNetServer>;
