using System.Collections.Concurrent;
using System.Text;
using Whimbrel.Client;
using Whimbrel.Client.Testing;

namespace Whimbrel.EndToEnd.Client;

/// <summary>A client that leaves the moment it has come.</summary>
public class FarewellTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Clients_that_leave_as_soon_as_they_are_connected_say_farewell_too()
    {
        await using TestBroker broker = await TestBroker.StartAsync();
        var wills = new ConcurrentQueue<string>();
        using IDisposable watch = broker.Broker.Subscribe("will/+", (message, _) =>
        {
            wills.Enqueue(message.Topic);
            return ValueTask.CompletedTask;
        });
        await Task.WhenAll(Enumerable.Range(0, 64).Select(lane => Task.Run(async () =>
        {
            for (int i = 0; i < 20; i++)
            {
                await using var client = new MqttClient(new MqttClientOptions
                {
                    Endpoints = { broker.Uri },
                    Will = new MqttWill { Topic = $"will/{lane}", Payload = Encoding.UTF8.GetBytes($"{i}") },
                });
                await client.ConnectAsync();
            }
        }))).WaitAsync(Limit);

        // A will that was published comes before this.
        await broker.Broker.PublishAsync("will/fence", default);
        Assert.True(SpinWait.SpinUntil(() => wills.Contains("will/fence"), Limit));
        Assert.Equal(["will/fence"], wills);
    }
}
