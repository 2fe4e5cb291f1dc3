using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Whimbrel.Client;
using Whimbrel.Client.Hosting;
using Whimbrel.Client.Outbox;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>An application with two clients.</summary>
public class HostingTests : GuideTests
{
    [Fact]
    public async Task An_application_passes_on_from_one_broker_to_another()
    {
        await using TestBroker plant = await TestBroker.StartAsync();
        await using TestBroker cloud = await TestBroker.StartAsync();
        string directory = Directory.CreateTempSubdirectory("whimbrel-guide-").FullName;
        string file = Path.Combine(directory, "outbox.db");
        string[] args =
        [
            $"--ConnectionStrings:plant={plant.Uri}", $"--ConnectionStrings:cloud={cloud.Uri}", "--Mqtt:cloud:ClientId=site-7", "--Mqtt:plant:KeepAlive=20", "--Logging:LogLevel:Default=None",
        ];
        await using var reader = new MqttClient(cloud.Uri);
        await using MqttSubscription arriving = await reader.OpenSubscriptionAsync("site-7/#", new MqttSubscribeOptions { QoS = MqttQoS.AtLeastOnce });

        // snippet: hosting
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
        builder.Services.AddMqttClient("plant")                            // ConnectionStrings:plant, and what Mqtt:plant says
            .AddHandler<TemperatureHandler>("home/{room}/temp");
        builder.Services.AddMqttClient("cloud", options => options.Outbox.Store = new SqliteOutbox(file));
        builder.Services.AddHealthChecks().AddMqttClient("plant").AddMqttClient("cloud");
        using IHost app = builder.Build();
        await app.StartAsync();                                            // or RunAsync, in a program that does nothing else
        // end

        AwaitSubscriber(plant);
        await plant.Broker.PublishAsync("home/kitchen/temp", "21.5"u8.ToArray(), Whimbrel.Protocol.QoS.AtLeastOnce);
        MqttMessage arrived = await NextAsync(arriving);
        Assert.Equal(("site-7/kitchen", "21.5"), (arrived.Topic, arrived.GetString()));
        HealthReport report = await app.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["mqtt:cloud", "mqtt:plant"], report.Entries.Keys.Order());
        Assert.Equal(HealthStatus.Healthy, report.Status);
        Assert.Contains(cloud.Broker.Clients, client => client.ClientId == "site-7");
        await app.StopAsync();
        Directory.Delete(directory, recursive: true);
    }
}

// snippet: hosting-handler
internal sealed class TemperatureHandler([FromKeyedServices("cloud")] IMqttClient cloud) : IMqttHandler
{
    // Made for each message, in a scope of its own. The message is acknowledged when this has returned: when it is safe in the other outbox.
    public async ValueTask HandleAsync(MqttMessage message, CancellationToken stop) =>
        await cloud.EnqueueAsync($"site-7/{message.Route["room"]}", message.Payload, cancellationToken: stop);
}
// end
