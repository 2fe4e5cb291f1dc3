using Microsoft.Extensions.Logging;
using Whimbrel.Client.Engine;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Subscriptions;

/// <summary>A subscription whose messages are handled where they are.</summary>
internal sealed class RawSubscription(MqttClient client, string filter, MqttRawHandler handler, ILogger log) : ISubscriber, IAsyncDisposable
{
    public bool IsRaw => true;

    public void Offer(in PublishPacket packet, string topic, long token)
    {
    }

    public void Raw(in PublishPacket packet, string topic)
    {
        client.Telemetry.Consumed(filter);
        try
        {
            handler(new MqttMessageView(packet, topic));
        }
#pragma warning disable CA1031 // Whatever a handler throws must not end the connection.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            ClientLog.HandlerFailed(log, exception, filter, topic);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await client.UnsubscribeAsync(filter, this).ConfigureAwait(false);
        }
        catch (MqttException)
        {
            // Without a connection there is nobody to tell.
        }
    }
}
