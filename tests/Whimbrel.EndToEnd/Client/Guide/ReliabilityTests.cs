using System.Collections.Concurrent;
using Whimbrel.Broker;
using Whimbrel.Client;
using Whimbrel.Client.Outbox;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>What a completed call means, the outbox, the end of a client, acknowledgements.</summary>
public class ReliabilityTests : GuideTests
{
    [Fact]
    public async Task A_publish_says_how_it_ended()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Authorizer = new NobodyTouches("plant/reactor"));
        await using var client = new MqttClient(broker.Uri);

        async Task RunAsync(string topic, CancellationToken stop)
        {
            // snippet: delivered
            try
            {
                MqttPublishResult result = await client.PublishAsync(topic, "open", MqttQoS.AtLeastOnce, cancellationToken: stop);
                Console.WriteLine(result.MatchedSubscribers ? "delivered" : "delivered, and nobody listens");
            }
            catch (MqttPublishException refusal)
            {
                Console.WriteLine($"refused: {refusal.ReasonCode}");
            }
            catch (MqttPublishCanceledException cancelled)
            {
                Console.WriteLine(cancelled.MaybeDelivered ? "cancelled, but under way" : "cancelled in time");
            }
            catch (MqttNotConnectedException)
            {
                Console.WriteLine("the client has given up");
            }
            // end
        }

        await RunAsync("plant/valve", CancellationToken.None).WaitAsync(Limit);
        Assert.Equal("delivered, and nobody listens", await Console.NextAsync());
        await using MqttSubscription valve = await client.OpenSubscriptionAsync("plant/valve");
        await RunAsync("plant/valve", CancellationToken.None).WaitAsync(Limit);
        Assert.Equal("delivered", await Console.NextAsync());
        await RunAsync("plant/reactor", CancellationToken.None).WaitAsync(Limit);
        Assert.Equal("refused: NotAuthorized", await Console.NextAsync());
        await RunAsync("plant/valve", new CancellationToken(canceled: true)).WaitAsync(Limit);
        Assert.Equal("cancelled in time", await Console.NextAsync());
        using var stopping = new CancellationTokenSource();
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            Task underWay = RunAsync("plant/valve", stopping.Token);
            await client.PingAsync().WaitAsync(Limit);
            await stopping.CancelAsync();
            await underWay.WaitAsync(Limit);
            Assert.Equal("cancelled, but under way", await Console.NextAsync());
        }

        Task givenUp = ClientTests.Next(client, MqttConnectionState.Faulted);
        using (broker.DenyConnections(ReasonCode.NotAuthorized))
        {
            broker.DropConnections();
            await givenUp.WaitAsync(Limit);
            await RunAsync("plant/valve", CancellationToken.None).WaitAsync(Limit);
            Assert.Equal("the client has given up", await Console.NextAsync());
        }
    }

    [Fact]
    public async Task What_the_outbox_has_taken_is_delivered_by_the_next_process()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;
        string directory = Directory.CreateTempSubdirectory("whimbrel-guide-").FullName;
        string file = Path.Combine(directory, "outbox.db");
        await using var reader = new MqttClient(address);
        await using MqttSubscription telemetry = await reader.OpenSubscriptionAsync("telemetry/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        using (broker.DenyConnections(ReasonCode.ServerUnavailable))
        {
            var before = new MqttClient(new MqttClientOptions { Endpoints = { address }, ClientId = "line-7", Outbox = { Store = new SqliteOutbox(file) } });
            await before.EnqueueAsync("telemetry/line-7", "20.5").AsTask().WaitAsync(Limit);
            await before.AbortAsync();
        }

        {
            // snippet: outbox
            await using var client = new MqttClient(new MqttClientOptions
            {
                Endpoints = { address },
                ClientId = "line-7",                              // the same in the next process
                Outbox = { Store = new SqliteOutbox(file) },      // Whimbrel.Client.Outbox
            });
            await client.EnqueueAsync("telemetry/line-7", "21.5"); // done when it is on disk, with or without a broker
            await client.FlushAsync();                             // done when the broker has acknowledged everything
            // end
        }

        Assert.Equal("20.5", (await NextAsync(telemetry)).GetString());
        Assert.Equal("21.5", (await NextAsync(telemetry)).GetString());
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task The_will_speaks_for_who_goes_without_a_word_only()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;
        await using var watcher = new MqttClient(address);
        await using MqttSubscription status = await watcher.OpenSubscriptionAsync("devices/7/status", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });

        // snippet: will
        var options = new MqttClientOptions
        {
            Endpoints = { address },
            Will = new MqttWill { Topic = "devices/7/status", Payload = "lost"u8.ToArray(), Retain = true },
            DrainTimeout = TimeSpan.FromSeconds(5),
        };
        await using (var device = new MqttClient(options))
        {
            await device.PublishAsync("devices/7/status", "here", MqttQoS.AtLeastOnce, retain: true);
            await device.EnqueueAsync("devices/7/status", "resting", retain: true);
        }

        // Disposed of: its handlers have returned, "resting" is delivered, it has said farewell, and no will is published.
        // end

        Assert.Equal("here", (await NextAsync(status)).GetString());
        Assert.Equal("resting", (await NextAsync(status)).GetString());
        var rude = new MqttClient(options);
        await rude.ConnectAsync().WaitAsync(Limit);
        await rude.AbortAsync();
        Assert.Equal("lost", (await NextAsync(status)).GetString());
    }

    [Fact]
    public async Task The_client_says_what_becomes_of_its_connection()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        string address = broker.Uri;

        // snippet: reconnect
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { address },
            SessionExpiry = TimeSpan.FromHours(1),
            Reconnect =
            {
                DelayMin = TimeSpan.FromMilliseconds(100),
                DelayMax = TimeSpan.FromSeconds(10),
                RetryInitialConnect = true,                      // not only what was there once
                WhenSessionLost = MqttSessionLost.Resubscribe,   // the default; Fail gives up
            },
        });
        client.ConnectionStateChanged += (_, change) =>
            Console.WriteLine($"{change.State}{(change.SessionLost ? ", the session was lost" : "")}");
        // end

        await using MqttSubscription subscription = await client.OpenSubscriptionAsync("a", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });
        broker.DropConnections();
        foreach (string line in new[] { "Connecting", "Connected", "Reconnecting", "Connected" })
            Assert.Equal(line, await Console.NextAsync());
        await broker.ForgetSessionsAsync();
        Assert.Equal("Reconnecting", await Console.NextAsync());
        Assert.Equal("Connected, the session was lost", await Console.NextAsync());
        await client.PingAsync().WaitAsync(Limit);
        await client.PublishAsync("a", "still subscribed", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        Assert.Equal("still subscribed", (await NextAsync(subscription)).GetString());
        broker.DropConnections();
        Assert.Equal("Reconnecting", await Console.NextAsync());
        Assert.Equal("Connected", await Console.NextAsync());
    }

    [Fact]
    public async Task The_program_acknowledges_when_it_has_saved()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions { Endpoints = { broker.Uri }, Limits = { ReceiveMaximum = 10 } });
        var saved = new ConcurrentQueue<(int Batch, int Unacknowledged)>();
        Func<List<MqttMessage>, Task> saveAsync = async batch =>
        {
            // What was acknowledged before has reached the broker with the answer to this.
            await client.PingAsync();
            saved.Enqueue((batch.Count, broker.Broker.Clients.Single().InFlight));
            if (saved.Count == 2)
                throw new EndOfStreamException();
        };

        async Task RunAsync()
        {
            var batch = new List<MqttMessage>();

            // snippet: manual
            await using MqttSubscription jobs = await client.OpenSubscriptionAsync(
                "jobs/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, AckMode = MqttAckMode.Manual });
            await foreach (MqttMessage job in jobs)
            {
                batch.Add(job);
                if (batch.Count < 10)
                    continue;
                await saveAsync(batch);
                foreach (MqttMessage done in batch)
                    await done.AcknowledgeAsync();
                batch.Clear();
            }
            // end
        }

        Task running = RunAsync();
        AwaitSubscriber(broker);
        for (int i = 0; i < 20; i++)
            await broker.Broker.PublishAsync("jobs/1", new byte[] { (byte)i }, QoS.AtLeastOnce);
        await Assert.ThrowsAsync<EndOfStreamException>(() => running.WaitAsync(Limit));
        Assert.Equal([(10, 10), (10, 10)], saved);
    }

    [Fact]
    public async Task The_credentials_are_asked_for_at_every_attempt()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Authenticator = new Doorkeeper(Console));
        string address = broker.Uri;
        int token = 0;
        Func<CancellationToken, Task<string>> tokenAsync = _ => Task.FromResult($"token {++token}");

        // snippet: credentials
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { address },
            CredentialProvider = async stop => new MqttCredentials("device-7", await tokenAsync(stop)),
        });
        // end

        await client.ConnectAsync().WaitAsync(Limit);
        Assert.Equal("device-7 token 1", await Console.NextAsync());
        broker.DropConnections();
        Assert.Equal("device-7 token 2", await Console.NextAsync());
    }

    private sealed class NobodyTouches(string topic) : IAuthorizer
    {
        private readonly byte[] _topic = System.Text.Encoding.UTF8.GetBytes(topic);

        public Verdict Authorize(ref AccessRequest request) =>
            request.Action == AccessAction.Publish && request.Topic.SequenceEqual(_topic) ? Verdict.Denied : Verdict.Allowed;
    }

    private sealed class Doorkeeper(Screen screen) : IAuthenticator
    {
        public AuthenticationStep Authenticate(Whimbrel.Broker.ConnectRequest request, Func<Pending<AuthenticationStep>> defer)
        {
            screen.WriteLine($"{request.UserName} {System.Text.Encoding.UTF8.GetString(request.Password ?? [])}");
            return AuthenticationStep.Success();
        }
    }
}
