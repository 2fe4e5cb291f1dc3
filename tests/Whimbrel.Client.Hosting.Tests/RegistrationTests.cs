using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Whimbrel.Client.Hosting.Tests;

public class RegistrationTests
{
    [Fact]
    public async Task Each_client_is_the_service_of_its_name()
    {
        var services = new ServiceCollection();
        services.AddMqttClient("home", options => options.Endpoints.Add("mqtt://home"));
        services.AddMqttClient("cloud", options => options.Endpoints.Add("mqtt://cloud"));
        await using ServiceProvider provider = services.BuildServiceProvider();
        IMqttClient home = provider.GetRequiredKeyedService<IMqttClient>("home");
        Assert.Same(home, provider.GetRequiredKeyedService<MqttClient>("home"));
        Assert.NotSame(home, provider.GetRequiredKeyedService<IMqttClient>("cloud"));
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(provider.GetRequiredService<IMqttClient>);
        Assert.EndsWith("home, cloud.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_only_client_needs_no_key()
    {
        var services = new ServiceCollection();
        services.AddMqttClient(configure: options => options.Endpoints.Add("mqtt://home"));
        services.AddMqttClient(configure: options => options.ClientId = "twice");
        await using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Same(provider.GetRequiredService<IMqttClient>(), provider.GetRequiredKeyedService<IMqttClient>("mqtt"));
        Assert.Equal("twice", provider.GetRequiredService<MqttClient>().ClientId);
    }

    [Fact]
    public void An_application_s_client_has_a_name_that_stays_and_a_session_that_lasts()
    {
        MqttClientOptions options = Options([], null);
        Assert.EndsWith($"-{Environment.MachineName}-mqtt", options.ClientId, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromHours(1), options.SessionExpiry);
        Assert.True(options.Reconnect.RetryInitialConnect);
    }

    [Fact]
    public void Instruments_belong_to_the_application_s_meters()
    {
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddMqttClient();
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Same(provider.GetRequiredService<IMeterFactory>(), provider.GetRequiredService<IOptionsMonitor<MqttClientOptions>>().Get("mqtt").MeterFactory);
    }

    [Fact]
    public void A_connection_string_goes_before_the_section_s_endpoints_and_code_has_the_last_word()
    {
        Dictionary<string, string?> said = new()
        {
            ["Mqtt:mqtt:Endpoints"] = "mqtt://section",
            ["Mqtt:mqtt:ClientId"] = "section",
            ["Mqtt:mqtt:KeepAlive"] = "17",
            ["Mqtt:other:KeepAlive"] = "1",
            ["ConnectionStrings:mqtt"] = "mqtt://string",
        };
        MqttClientOptions options = Options(said, options => options.ClientId = "code");
        Assert.Equal(["mqtt://string"], options.Endpoints);
        Assert.Equal(("code", TimeSpan.FromSeconds(17)), (options.ClientId, options.KeepAlive));
    }

    [Fact]
    public async Task An_address_that_is_none_shows_when_the_client_is_made()
    {
        var services = new ServiceCollection();
        services.AddMqttClient(configure: options => options.Endpoints.Add("localhost:1883"));
        await using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Throws<FormatException>(provider.GetRequiredService<IMqttClient>);
    }

    [Theory]
    [InlineData(null, HealthStatus.Unhealthy)]
    [InlineData(HealthStatus.Degraded, HealthStatus.Degraded)]
    public async Task A_client_without_a_connection_is_not_healthy(HealthStatus? chosen, HealthStatus expected)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMqttClient(configure: options => options.Endpoints.Add("mqtt://home"));
        services.AddHealthChecks().AddMqttClient(failureStatus: chosen);
        await using ServiceProvider provider = services.BuildServiceProvider();
        HealthReport report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal((expected, "The client is not connected."), (report.Entries["mqtt:mqtt"].Status, report.Entries["mqtt:mqtt"].Description));
    }

    private static MqttClientOptions Options(Dictionary<string, string?> said, Action<MqttClientOptions>? configure)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(said).Build());
        services.AddMqttClient(configure: configure);
        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptionsMonitor<MqttClientOptions>>().Get("mqtt");
    }
}
