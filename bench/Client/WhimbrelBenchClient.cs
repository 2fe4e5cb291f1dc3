using Whimbrel.Client;

namespace Whimbrel.Bench.Client;

internal sealed class WhimbrelBenchClient : IBenchClient
{
    private MqttClient? _client;

    public async Task ConnectAsync(int port)
    {
        // As the other library does by default.
        _client = new MqttClient(new MqttClientOptions { Endpoints = { $"mqtt://127.0.0.1:{port}" }, SessionExpiry = TimeSpan.Zero });
        await _client.ConnectAsync();
    }

    public async ValueTask PublishAsync(string topic, ReadOnlyMemory<byte> payload, int qos) => await _client!.PublishAsync(topic, payload, (MqttQoS)qos);

    public Task SubscribeAsync(string filter, int qos, Action received) => _client!.OpenSubscriptionAsync(
        filter,
        (_, _) =>
        {
            received();
            return ValueTask.CompletedTask;
        },
        new MqttSubscribeOptions { QoS = (MqttQoS)qos });

    public ValueTask DisposeAsync() => _client!.DisposeAsync();
}
