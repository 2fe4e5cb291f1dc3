using System.Net.WebSockets;

namespace Whimbrel.Client.Transports;

/// <summary>MQTT in binary WebSocket messages, whose borders mean nothing [MQTT-6.0.0-2].</summary>
internal sealed class WebSocketTransport(WebSocket socket) : ITransport
{
    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        while (true)
        {
            ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer, CancellationToken.None).ConfigureAwait(false);
            if (result.MessageType == WebSocketMessageType.Close)
                return 0;
            if (result.MessageType == WebSocketMessageType.Text) // [MQTT-6.0.0-1]
                throw new WebSocketException(WebSocketError.InvalidMessageType, "The server sent text.");
            if (result.Count > 0)
                return result.Count;
        }
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);

    public async ValueTask CloseAsync()
    {
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
    }

    public void Abort() => socket.Abort();

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return default;
    }
}
