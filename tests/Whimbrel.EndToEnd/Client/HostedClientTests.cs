using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Whimbrel.Client;
using Whimbrel.Client.Hosting;
using Whimbrel.Client.Outbox;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client;

/// <summary>The client within an application that starts and stops, against a broker in the same process.</summary>
public class HostedClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_handler_is_made_for_each_message_in_a_scope_of_its_own()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IHost host = Build(broker, (builder, client) =>
        {
            builder.Services.AddSingleton<Notes>();
            builder.Services.AddScoped<Visit>();
            client.AddHandler<TemperatureHandler>("home/{room}/temp");
        });
        await host.StartAsync();
        IMqttClient publisher = host.Services.GetRequiredService<IMqttClient>();
        Notes notes = host.Services.GetRequiredService<Notes>();
        await SubscribedAsync(host, broker);
        await publisher.PublishAsync("home/kitchen/temp", "21", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        await publisher.PublishAsync("home/cellar/temp", "12", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        Assert.Equal(["kitchen 21 visit 1", "cellar 12 visit 1"], [await notes.NextAsync(), await notes.NextAsync()]);
        await host.StopAsync();
        Assert.Equal(2, notes.ScopesEnded);
    }

    [Fact]
    public async Task No_handler_is_called_before_the_application_has_started()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.Broker.PublishAsync("a", "kept"u8.ToArray(), retain: true);
        var order = new ConcurrentQueue<string>();
        var handled = new TaskCompletionSource();
        using IHost host = Build(broker, (builder, client) =>
        {
            client.AddHandler("a", (_, _) =>
            {
                order.Enqueue("handled");
                handled.SetResult();
                return ValueTask.CompletedTask;
            });
            builder.Services.AddHostedService(provider => new SlowStart(async () =>
            {
                // The message has arrived when the answer to what was asked after it is here.
                await SubscribedAsync(provider.GetRequiredService<IMqttClient>(), broker);
                await provider.GetRequiredService<IMqttClient>().PingAsync().WaitAsync(Limit);
                order.Enqueue("started");
            }));
        });
        await host.StartAsync().WaitAsync(Limit);
        await handled.Task.WaitAsync(Limit);
        Assert.Equal(["started", "handled"], order);
        await host.StopAsync();
    }

    [Fact]
    public async Task An_application_starts_without_its_broker_and_its_health_says_so()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IHost host = Build(broker, (builder, _) => builder.Services.AddHealthChecks().AddMqttClient());
        MqttClient client = host.Services.GetRequiredService<MqttClient>();
        Task connected = ClientTests.Next(client, MqttConnectionState.Connected);
        using (broker.DenyConnections(ReasonCode.ServerUnavailable))
        {
            await host.StartAsync().WaitAsync(Limit);
            Assert.Equal(HealthStatus.Unhealthy, (await HealthAsync(host)).Status);
        }

        await connected.WaitAsync(Limit);
        Assert.Equal((HealthStatus.Healthy, "Connected."), await HealthAsync(host));
        Task lost = ClientTests.Next(client, MqttConnectionState.Reconnecting);
        using (broker.DenyConnections(ReasonCode.ServerUnavailable))
        {
            broker.DropConnections();
            await lost.WaitAsync(Limit);
            Assert.Equal((HealthStatus.Unhealthy, "The client is connecting again."), await HealthAsync(host));
        }

        await host.StopAsync();
        Assert.Equal((HealthStatus.Unhealthy, "The client is at its end."), await HealthAsync(host));
    }

    [Fact]
    public async Task A_handler_that_the_server_refuses_shows_in_the_health()
    {
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Broker = options.Broker with { WildcardSubscriptionAvailable = false });
        using IHost host = Build(broker, (builder, client) =>
        {
            builder.Services.AddHealthChecks().AddMqttClient();
            client.AddHandler("a/#", (_, _) => ValueTask.CompletedTask);
            client.AddHandler("a/b", (_, _) => ValueTask.CompletedTask);
        });
        await host.StartAsync();
        IMqttClient mqtt = host.Services.GetRequiredService<IMqttClient>();
        await SubscribedAsync(host, broker);
        await mqtt.PingAsync().WaitAsync(Limit);
        HostedClient hosted = host.Services.GetRequiredKeyedService<HostedClient>("mqtt");
        Assert.True(SpinWait.SpinUntil(() => hosted.Refused.Count > 0, Limit));
        Assert.Equal((HealthStatus.Unhealthy, "The server has refused a/#."), await HealthAsync(host));
        await host.StopAsync();
    }

    [Fact]
    public async Task A_handler_that_a_server_with_no_memory_refuses_later_shows_in_the_health_too()
    {
        int starts = 0;
        await using TestBroker broker = await TestBroker.StartAsync(options => options.Broker = options.Broker with { WildcardSubscriptionAvailable = starts++ == 0 });
        using IHost host = Build(broker, (builder, client) =>
        {
            builder.Services.AddHealthChecks().AddMqttClient();
            client.AddHandler("a/#", (_, _) => ValueTask.CompletedTask);
        });
        await host.StartAsync();
        await SubscribedAsync(host, broker);
        Assert.Equal((HealthStatus.Healthy, "Connected."), await HealthAsync(host));
        await broker.ForgetSessionsAsync();
        HostedClient hosted = host.Services.GetRequiredKeyedService<HostedClient>("mqtt");
        Assert.True(SpinWait.SpinUntil(() => hosted.Refused.Count > 0, Limit));
        Assert.Equal((HealthStatus.Unhealthy, "The server has refused a/#."), await HealthAsync(host));
        await host.StopAsync();
    }

    [Fact]
    public async Task Stopping_lets_a_handler_finish_and_publishes_no_will()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        var wills = new ConcurrentQueue<string>();
        using IDisposable watch = broker.Broker.Subscribe("will", (message, _) =>
        {
            wills.Enqueue(message.Topic);
            return ValueTask.CompletedTask;
        });
        var entered = new TaskCompletionSource();
        var leave = new TaskCompletionSource();
        bool isFinished = false;
        using IHost host = Build(broker, (_, client) => client
            .Configure(options => options.Will = new MqttWill { Topic = "will" })
            .AddHandler("a", async (_, _) =>
            {
                entered.SetResult();
                await leave.Task;
                isFinished = true;
            }));
        await host.StartAsync();
        IMqttClient mqtt = host.Services.GetRequiredService<IMqttClient>();
        await SubscribedAsync(host, broker);
        await mqtt.PublishAsync("a", "x", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        await entered.Task.WaitAsync(Limit);
        Task stopping = host.StopAsync();
        Assert.False(stopping.IsCompleted);
        leave.SetResult();
        await stopping.WaitAsync(Limit);
        Assert.True(isFinished);
        Assert.Empty(wills);
    }

    [Fact]
    public async Task What_comes_while_the_application_is_down_is_handled_after_the_next_start()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        var notes = new Notes();
        void Configure(HostApplicationBuilder builder, IMqttClientBuilder client) =>
            client.AddHandler("a/#", (message, _) =>
            {
                notes.Add(message.GetString());
                return ValueTask.CompletedTask;
            });
        using (IHost host = Build(broker, Configure))
        {
            await host.StartAsync();
            await SubscribedAsync(host, broker);
            await host.StopAsync();
        }

        for (int i = 0; i < 20; i++)
            await broker.Broker.PublishAsync("a/b", System.Text.Encoding.UTF8.GetBytes($"{i}"), QoS.AtLeastOnce);
        using IHost next = Build(broker, Configure);
        await next.StartAsync();
        for (int i = 0; i < 20; i++)
            Assert.Equal($"{i}", await notes.NextAsync());
        await next.StopAsync();
    }

    [Fact]
    public async Task What_comes_to_an_application_that_fails_to_start_is_left_to_the_next_start()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await broker.Broker.PublishAsync("a", "kept"u8.ToArray(), QoS.AtLeastOnce, retain: true);
        var notes = new Notes();
        void Configure(HostApplicationBuilder builder, IMqttClientBuilder client) => client
            .Configure(options => options.DrainTimeout = TimeSpan.FromMilliseconds(20))
            .AddHandler(
                "a",
                (message, _) =>
                {
                    notes.Add($"{message.GetString()} {message.Duplicate}");
                    return ValueTask.CompletedTask;
                },
                new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce, RetainHandling = RetainHandling.SendIfNew });
        IHost failing = Build(broker, (builder, client) =>
        {
            Configure(builder, client);
            builder.Services.AddHostedService(provider => new SlowStart(async () =>
            {
                await SubscribedAsync(provider.GetRequiredService<IMqttClient>(), broker);
                throw new InvalidOperationException("no start today");
            }));
        });
        await Assert.ThrowsAsync<InvalidOperationException>(() => failing.StartAsync());
        await ((IAsyncDisposable)failing).DisposeAsync();
        using IHost next = Build(broker, Configure);
        await next.StartAsync();
        Assert.Equal("kept True", await notes.NextAsync());
        await next.StopAsync();
    }

    [Fact]
    public async Task What_an_application_could_not_deliver_is_delivered_by_its_next_run()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        DirectoryInfo directory = Directory.CreateTempSubdirectory("whimbrel-hosted-");
        void Configure(HostApplicationBuilder builder, IMqttClientBuilder client) =>
            client.Configure(options => options.UseFileOutbox(Path.Combine(directory.FullName, "outbox.db")));
        using (IHost host = Build(broker, Configure))
        using (broker.DenyConnections(ReasonCode.ServerUnavailable))
        {
            await host.StartAsync();
            await host.Services.GetRequiredService<IMqttClient>().EnqueueAsync("late", "but not lost").AsTask().WaitAsync(Limit);
            await host.StopAsync();
        }

        var arrived = new TaskCompletionSource<string>();
        using IDisposable watch = broker.Broker.Subscribe("late", (message, _) =>
        {
            arrived.TrySetResult(System.Text.Encoding.UTF8.GetString(message.Payload.Span));
            return ValueTask.CompletedTask;
        });
        using (IHost next = Build(broker, Configure))
        {
            await next.StartAsync();
            Assert.Equal("but not lost", await arrived.Task.WaitAsync(Limit));
            await next.StopAsync();
        }

        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task A_handler_for_values_gets_values_and_services()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        using IHost host = Build(broker, (builder, client) =>
        {
            builder.Services.AddSingleton<Notes>();
            builder.Services.AddScoped<Visit>();
            client.AddHandler("n/{name}", RequestTests.Json.Default.Pair, (message, services, _) =>
            {
                services.GetRequiredService<Notes>().Add($"{message.Route["name"]} {message.Value!.A + message.Value.B} visit {++services.GetRequiredService<Visit>().Count}");
                return ValueTask.CompletedTask;
            });
        });
        await host.StartAsync();
        IMqttClient client = host.Services.GetRequiredService<IMqttClient>();
        await SubscribedAsync(host, broker);
        await client.PublishAsync("n/broken", "{", MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        await client.PublishAsync("n/sum", new RequestTests.Pair(2, 3), RequestTests.Json.Default.Pair, MqttQoS.AtLeastOnce).AsTask().WaitAsync(Limit);
        Assert.Equal("sum 5 visit 1", await host.Services.GetRequiredService<Notes>().NextAsync());
        await host.StopAsync();
    }

    private static IHost Build(TestBroker broker, Action<HostApplicationBuilder, IMqttClientBuilder> configure)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ApplicationName = "tested" });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:mqtt"] = broker.Uri,
            ["Mqtt:mqtt:Reconnect:DelayMin"] = "0.001",
            ["Mqtt:mqtt:Reconnect:DelayMax"] = "0.02",
        });
        configure(builder, builder.Services.AddMqttClient());
        return builder.Build();
    }

    private static Task SubscribedAsync(IHost host, TestBroker broker) => SubscribedAsync(host.Services.GetRequiredService<IMqttClient>(), broker);

    /// <summary>The handlers' subscriptions left before the answer to what is asked now.</summary>
    private static async Task SubscribedAsync(IMqttClient client, TestBroker broker)
    {
        await client.WaitForConnectedAsync().WaitAsync(Limit);
        await client.PingAsync().WaitAsync(Limit);
        Assert.Contains(broker.Broker.Clients, known => known.ClientId.StartsWith("tested-", StringComparison.Ordinal) && known.Subscriptions > 0);
    }

    private static async Task<(HealthStatus Status, string? Description)> HealthAsync(IHost host)
    {
        HealthReport report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        return (report.Entries["mqtt:mqtt"].Status, report.Entries["mqtt:mqtt"].Description);
    }

    private sealed class SlowStart(Func<Task> start) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => start();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Notes
    {
        private readonly System.Threading.Channels.Channel<string> _lines = System.Threading.Channels.Channel.CreateUnbounded<string>();
        private int _scopesEnded;

        public int ScopesEnded => _scopesEnded;

        public void Add(string line) => _lines.Writer.TryWrite(line);

        public void EndScope() => Interlocked.Increment(ref _scopesEnded);

        public Task<string> NextAsync() => _lines.Reader.ReadAsync().AsTask().WaitAsync(Limit);
    }

    /// <summary>Counts how often it was used within its scope.</summary>
    private sealed class Visit(Notes notes) : IDisposable
    {
        public int Count { get; set; }

        public void Dispose() => notes.EndScope();
    }

    private sealed class TemperatureHandler(Notes notes, Visit visit) : IMqttHandler
    {
        public ValueTask HandleAsync(MqttMessage message, CancellationToken cancellationToken)
        {
            notes.Add($"{message.Route["room"]} {message.GetString()} visit {++visit.Count}");
            return ValueTask.CompletedTask;
        }
    }
}
