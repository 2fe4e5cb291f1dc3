using System.Diagnostics;
using System.Runtime.CompilerServices;
using Whimbrel.Client.Telemetry;

namespace Whimbrel.Client;

/// <summary>The way out while somebody listens: the same with a span and a measurement around it.</summary>
public sealed partial class MqttClient
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<MqttPublishResult> WatchPublishAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, MqttQoS qos, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        long started = Time.GetTimestamp();
        using Activity? activity = Telemetry.StartPublish(topic, payload.Length);
        try
        {
            MqttPublishResult result = await DispatchAsync(topic, payload, Telemetry.Inject(activity, properties), qos, retain, expiry, cancellationToken).ConfigureAwait(false);
            Telemetry.Published(Time.GetElapsedTime(started), activity, null);
            return result;
        }
        catch (Exception exception)
        {
            Telemetry.Published(Time.GetElapsedTime(started), activity, exception);
            throw;
        }
    }

    private async ValueTask<MqttDeliveryHandle> WatchEnqueueAsync(MqttPublishRequest request, byte[] properties, CancellationToken cancellationToken)
    {
        long started = Time.GetTimestamp();
        using Activity? activity = Telemetry.StartEnqueue(request.Topic, request.Payload.Length);
        try
        {
            MqttDeliveryHandle handle = await TakeOverAsync(request, Telemetry.Inject(activity, properties), cancellationToken).ConfigureAwait(false);
            _ = handle.Completion.ContinueWith(
                done => Telemetry.Published(Time.GetElapsedTime(started), null, done.Exception?.InnerException),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            return handle;
        }
        catch (Exception exception)
        {
            ClientTelemetry.Fail(activity, exception);
            throw;
        }
    }
}
