using Whimbrel.Client;
using Whimbrel.Client.Testing;
using Whimbrel.Protocol;

namespace Whimbrel.EndToEnd.Client.Guide;

/// <summary>A program's tests against a broker that breaks on demand.</summary>
public class BreakingTests : GuideTests
{
    // snippet: testing
    [Fact]
    public async Task The_panel_shows_the_temperature_even_after_the_broker_has_lost_everything()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var panel = new Panel(broker.Uri);
        await panel.StartAsync();

        await broker.ForgetSessionsAsync();                      // as a broker that has lost its disk
        await panel.Client.PingAsync();                          // it is back, and has subscribed again
        await broker.Broker.PublishAsync("home/kitchen/temp", "21.5"u8.ToArray());

        Assert.Equal("21.5", await panel.ShownAsync());
    }
    // end

    [Fact]
    public async Task Faults_begin_and_end()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        await using var client = new MqttClient(new MqttClientOptions
        {
            Endpoints = { broker.Uri },
            KeepAlive = TimeSpan.FromSeconds(1),
            ResponseTimeout = TimeSpan.FromMilliseconds(200),
            Reconnect = { AttemptTimeout = TimeSpan.FromMilliseconds(300), DelayMin = TimeSpan.FromMilliseconds(1), DelayMax = TimeSpan.FromMilliseconds(20) },
        });

        // snippet: faults
        await client.ConnectAsync();
        using (broker.DelayAcknowledgements(Timeout.InfiniteTimeSpan))
        {
            Task publishing = client.PublishAsync("a", "1", MqttQoS.AtLeastOnce).AsTask();
            await client.PingAsync();
            Assert.False(publishing.IsCompleted);                // the broker has it, and its PUBACK is not here
        }

        using (broker.DenyConnections(ReasonCode.ServerUnavailable))
        {
            broker.DropConnections();
            await client.EnqueueAsync("a", "2");                 // taken over without a connection
        }

        using (broker.HalfOpen())
            Assert.True(SpinWait.SpinUntil(() => client.State == MqttConnectionState.Reconnecting, TimeSpan.FromSeconds(30)));
        await client.FlushAsync();                               // everything has arrived in the end
        // end

        Assert.Equal(MqttConnectionState.Connected, client.State);
        Assert.True(broker.Dropped > 0);
    }

    /// <summary>The program that is tested: shows the last temperature.</summary>
    private sealed class Panel(string address) : IAsyncDisposable
    {
        private readonly Screen _screen = new();

        public MqttClient Client { get; } = new(address);

        public Task StartAsync() => Client.OpenSubscriptionAsync("home/+/temp", (message, _) =>
        {
            _screen.WriteLine(message.GetString());
            return ValueTask.CompletedTask;
        });

        public Task<string> ShownAsync() => _screen.NextAsync();

        public ValueTask DisposeAsync() => Client.DisposeAsync();
    }
}
