namespace Whimbrel.Bench.Client;

/// <summary>What is measured of a client library.</summary>
internal interface IBenchClient : IAsyncDisposable
{
    Task ConnectAsync(int port);

    /// <summary>Done when the message is delivered: written, or acknowledged at QoS 1.</summary>
    ValueTask PublishAsync(string topic, ReadOnlyMemory<byte> payload, int qos);

    /// <summary>Calls <paramref name="received"/> for each message.</summary>
    Task SubscribeAsync(string filter, int qos, Action received);
}
