using System.Runtime.CompilerServices;
using Whimbrel.Client.Engine;
using Whimbrel.Client.Subscriptions;
using Whimbrel.Client.Telemetry;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>The way in.</summary>
public sealed partial class MqttClient
{
    private static readonly MqttSubscribeOptions DefaultOptions = new();

    private readonly HashSet<MqttSubscription> _subscriptions = [];

    public async IAsyncEnumerable<MqttMessage> SubscribeAsync(
        string filter, MqttSubscribeOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        MqttSubscription subscription = await OpenSubscriptionAsync(filter, options, cancellationToken).ConfigureAwait(false);
        try
        {
            await foreach (MqttMessage message in subscription.WithCancellation(cancellationToken).ConfigureAwait(false))
                yield return message;
        }
        finally
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async Task UnsubscribeAsync(string filter, IReadOnlyList<KeyValuePair<string, string>>? userProperties = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(filter);
        byte[] properties = UserProperties.Encode([.. userProperties ?? []]);
        await ConnectedAsync(cancellationToken).ConfigureAwait(false);
        SubscribeTicket ticket;
        lock (_gate)
        {
            Begin();
            ticket = _engine.Leave(filter, properties);
            AfterEngine();
        }

        await ticket.Answer.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public Task<MqttSubscription> OpenSubscriptionAsync(string filter, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default) =>
        OpenAsync(new MqttSubscription(this, filter, options ?? DefaultOptions, null), cancellationToken);

    public Task<MqttSubscription> OpenSubscriptionAsync(
        string filter, Func<MqttMessage, CancellationToken, ValueTask> handler, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return OpenAsync(new MqttSubscription(this, filter, options ?? DefaultOptions, handler), cancellationToken);
    }

    /// <summary>
    /// For experts: the callback gets the packet itself, by the thread that reads, while it is in the receive buffer. Nothing is allocated;
    /// nothing else is read until it returns; what it keeps it must copy. Messages of QoS 1 and 2 are acknowledged before.
    /// </summary>
    public async Task<IAsyncDisposable> SubscribeRawAsync(string filter, MqttRawHandler handler, MqttSubscribeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= DefaultOptions;
        string wire = options.SharedGroup is { } group ? $"$share/{group}/{filter}" : filter;
        var raw = new RawSubscription(this, wire, handler, _log);
        await SubscribeAsync(wire, TermsOf(options), raw, cancellationToken).ConfigureAwait(false);
        return raw;
    }

    internal Task UnsubscribeAsync(MqttSubscription subscription)
    {
        string[] filters;
        lock (_gate)
        {
            filters = subscription.WireFilters;
            Forget(subscription);
        }

        return Task.WhenAll(filters.Select(filter => UnsubscribeAsync(filter, subscription)));
    }

    /// <summary>Another filter for a subscription that is open.</summary>
    internal async Task<MqttQoS> AddAsync(MqttSubscription subscription, string filter, CancellationToken cancellationToken)
    {
        string wire = MqttSubscription.ShareOf(subscription.Options, filter);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(!_subscriptions.Contains(subscription), subscription);
            if (subscription.WireFilters.Contains(wire))
                throw new InvalidOperationException($"The subscription has '{filter}' already.");
            subscription.WireFilters = [.. subscription.WireFilters, wire];
        }

        try
        {
            return (MqttQoS)await SubscribeAsync(wire, TermsOf(subscription.Options), subscription, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            lock (_gate)
                subscription.WireFilters = [.. subscription.WireFilters.Where(one => one != wire)];
            throw;
        }
    }

    internal async Task UnsubscribeAsync(string filter, ISubscriber subscriber)
    {
        SubscribeTicket? ticket;
        Task? ended;
        lock (_gate)
        {
            ticket = _engine.Unsubscribe(filter, subscriber);
            ended = _link?.Ended;
            AfterEngine();
        }

        // The next connection sees to it if this one does not; nobody waits for that.
        if (ticket is not null && ended is not null)
            await Task.WhenAny(ticket.Answer, ended).ConfigureAwait(false);
    }

    /// <summary>A handler has refused a message for good.</summary>
    internal async ValueTask HandlerFailedAsync(MqttSubscription subscription, MqttMessage message, Exception failure)
    {
        ClientLog.HandlerFailed(_log, failure, subscription.Filter, message.Topic);
        Telemetry.Dropped(failure is MqttPayloadException ? ClientTelemetry.Unreadable : ClientTelemetry.HandlerFailed);
        if (subscription.Options.DeadLetterTopic is not { } topic)
            return;
        try
        {
            await EnqueueAsync(
                new MqttPublishRequest
                {
                    Topic = topic,
                    Payload = message.Payload,
                    QoS = MqttQoS.AtLeastOnce,
                    ContentType = message.ContentType,
                    PayloadIsText = message.PayloadIsText,
                    UserProperties = [.. message.UserProperties, new("original-topic", message.Topic), new("error", failure.GetType().Name)],
                },
                Ending).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is MqttException or OperationCanceledException or ObjectDisposedException or ArgumentException)
        {
            ClientLog.HandlerFailed(_log, exception, subscription.Filter, topic);
        }
    }

    void IEngineHost.SubscriptionRefused(BrokerSubscription subscription, ReasonCode reason, bool wasGranted)
    {
        var error = new MqttSubscribeException($"The server refused the subscription to '{subscription.Filter}': {MqttException.Describe(reason, null)}.", reason);
        if (wasGranted)
        {
            ClientLog.SubscriptionRefused(_log, subscription.Filter, error.Message);
            Announce(new MqttSubscriptionRefusedEventArgs(subscription.Filter, error));
        }

        foreach (ISubscriber subscriber in subscription.Subscribers)
        {
            if (subscriber is not MqttSubscription refused)
                continue;
            refused.WireFilters = [.. refused.WireFilters.Where(filter => filter != subscription.Filter)];
            if (refused.WireFilters.Length > 0)
                continue;
            Forget(refused);
            refused.Complete(error);
        }
    }

    /// <summary>Under the gate: a subscription is over.</summary>
    private void Forget(MqttSubscription subscription)
    {
        _subscriptions.Remove(subscription);
        _handled.Remove(subscription);
        ReadOn(subscription);
    }

    private static SubscriptionTerms TermsOf(MqttSubscribeOptions options) => new(
        new SubscriptionOptions((QoS)options.QoS, options.NoLocal, options.RetainAsPublished, options.RetainHandling),
        options.Identifier,
        options.UserProperties.Count == 0 ? null : UserProperties.Encode([.. options.UserProperties]));

    private async Task<MqttSubscription> OpenAsync(MqttSubscription subscription, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_state == MqttConnectionState.Disposed, this);
            _subscriptions.Add(subscription);
            if (subscription.IsHandling)
                _handled.Add(subscription);
        }

        try
        {
            subscription.GrantedQoS = (MqttQoS)await SubscribeAsync(subscription.WireFilters[0], TermsOf(subscription.Options), subscription, cancellationToken).ConfigureAwait(false);
            return subscription;
        }
        catch
        {
            lock (_gate)
                Forget(subscription);
            subscription.Complete(null);
            subscription.RefuseRest();
            throw;
        }
    }

    private async Task<ReasonCode> SubscribeAsync(string filter, SubscriptionTerms terms, ISubscriber subscriber, CancellationToken cancellationToken)
    {
        await RestoreAsync(cancellationToken).ConfigureAwait(false);
        Task<MqttConnectResult>? connecting = null;
        SubscribeTicket ticket;
        lock (_gate)
        {
            Begin();
            if (_state == MqttConnectionState.Connecting && !_options.Reconnect.RetryInitialConnect)
                connecting = _connected.Task;
            ticket = _engine.Subscribe(filter, terms, subscriber);
            AfterEngine();
        }

        try
        {
            if (connecting is not null)
                await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
            ReasonCode reason = await ticket.Answer.WaitAsync(cancellationToken).ConfigureAwait(false);
            return ReasonCodes.IsError(reason)
                ? throw new MqttSubscribeException($"The server refused the subscription to '{filter}': {MqttException.Describe(reason, null)}.", reason)
                : reason;
        }
        catch (Exception exception) when (exception is not MqttSubscribeException)
        {
            lock (_gate)
            {
                _engine.Unsubscribe(filter, subscriber);
                AfterEngine();
            }

            throw;
        }
    }
}
