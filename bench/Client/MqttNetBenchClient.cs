using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Whimbrel.Bench.Client;

internal sealed class MqttNetBenchClient : IBenchClient
{
    private readonly IMqttClient _client = new MqttClientFactory().CreateMqttClient();

    public Task ConnectAsync(int port) => _client.ConnectAsync(
        new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithProtocolVersion(MqttProtocolVersion.V500).Build());

    public async ValueTask PublishAsync(string topic, ReadOnlyMemory<byte> payload, int qos) =>
        await _client.PublishAsync(new MqttApplicationMessage { Topic = topic, Payload = new(payload), QualityOfServiceLevel = (MqttQualityOfServiceLevel)qos });

    public Task SubscribeAsync(string filter, int qos, Action received)
    {
        _client.ApplicationMessageReceivedAsync += _ =>
        {
            received();
            return Task.CompletedTask;
        };
        return _client.SubscribeAsync(filter, (MqttQualityOfServiceLevel)qos);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
