namespace Whimbrel.Client;

/// <summary>What a WebSocket connection says beside its address.</summary>
public sealed class MqttWebSocketOptions
{
    /// <summary>Headers of the request, asked for anew at every attempt.</summary>
    public Func<CancellationToken, ValueTask<IReadOnlyList<KeyValuePair<string, string>>>>? Headers { get; set; }

    internal MqttWebSocketOptions Snapshot() => (MqttWebSocketOptions)MemberwiseClone();
}
