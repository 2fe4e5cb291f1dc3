using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Hosting;

/// <summary>One client within an application's life: connects at its start, gives its handlers what comes, drains at its end.</summary>
internal sealed class HostedClient : IHostedLifecycleService, IAsyncDisposable
{
    private readonly string _name;
    private readonly ILogger _log;
    private readonly HandlerRegistration[] _handlers;
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<string> _refused = [];
    private volatile bool _isLeaving;

    public HostedClient(string name, MqttClientOptions options, HandlerRegistration[] handlers, IServiceProvider provider)
    {
        _name = name;
        _log = (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger("Whimbrel.Client.Hosting");
        _handlers = handlers;
        Client = new MqttClient(options);

        // Before anybody else can use the client: a session of before that is resumed may bring messages at once.
        foreach (HandlerRegistration handler in _handlers)
            _ = SubscribeAsync(handler, handler.Make(provider));
    }

    public MqttClient Client { get; }

    /// <summary>The filters of handlers that get nothing because the server has refused them.</summary>
    public IReadOnlyList<string> Refused
    {
        get
        {
            lock (_lock)
                return [.. _refused];
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _ = ConnectAsync();
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _started.TrySetResult();
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Services stop in the order that is the reverse of their registration: what was registered after the client can still publish while it
    /// stops. The subscriptions stay in the session, so that what comes meanwhile waits for the next start.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await DisposeAsync().AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            HostingLog.NotDrained(_log, _name);
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// A message that waits for a start which does not come any more is given up when the client's time to drain is over, unacknowledged, so
    /// that the next start gets it.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        _isLeaving = true;
        return Client.DisposeAsync();
    }

    /// <summary>In the background: an application starts without its broker, and its health says what is missing.</summary>
    private async Task ConnectAsync()
    {
        try
        {
            await Client.ConnectAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is MqttException or OperationCanceledException or ObjectDisposedException)
        {
            if (!_isLeaving)
                HostingLog.NotConnected(_log, _name, exception.Message);
        }
    }

    private async Task SubscribeAsync(HandlerRegistration registration, Func<MqttMessage, CancellationToken, ValueTask> handler)
    {
        try
        {
            MqttSubscription subscription = await Client.OpenSubscriptionAsync(
                registration.Filter,
                async (message, stop) =>
                {
                    await _started.Task.WaitAsync(stop).ConfigureAwait(false);
                    await handler(message, stop).ConfigureAwait(false);
                },
                registration.Options).ConfigureAwait(false);

            // A server that has forgotten the session may not grant it again, much later.
            await subscription.Completion.ConfigureAwait(false);
        }
        catch (MqttSubscribeException exception)
        {
            Refuse(registration.Filter, ReasonCodes.Name(exception.ReasonCode!.Value));
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException and not ObjectDisposedException)
        {
            Refuse(registration.Filter, exception.Message);
        }
        catch (Exception exception) when (exception is MqttException or OperationCanceledException or ObjectDisposedException)
        {
            // The client has ended or given up, and has said so.
        }
    }

    private void Refuse(string filter, string reason)
    {
        HostingLog.HandlerRefused(_log, _name, filter, reason);
        lock (_lock)
            _refused.Add(filter);
    }
}
