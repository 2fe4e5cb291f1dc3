using Whimbrel.Client.Engine;
using Whimbrel.Client.Linking;
using Whimbrel.Client.Telemetry;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>The way out.</summary>
public sealed partial class MqttClient
{
    public ValueTask<MqttPublishResult> PublishAsync(
        string topic, ReadOnlyMemory<byte> payload, MqttQoS qos = MqttQoS.AtMostOnce, bool retain = false, CancellationToken cancellationToken = default)
    {
        MessageProperties.CheckTopic(topic);
        return PublishAsync(topic, payload, [], qos, retain, null, cancellationToken);
    }

    public ValueTask<MqttPublishResult> PublishAsync(MqttPublishRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        MessageProperties.CheckTopic(request.Topic);
        CheckExpiry(request);
        return PublishAsync(request.Topic, request.Payload, MessageProperties.Encode(request), request.QoS, request.Retain, request.Expiry, cancellationToken);
    }

    public ValueTask<MqttDeliveryHandle> EnqueueAsync(MqttPublishRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        MessageProperties.CheckTopic(request.Topic);
        CheckExpiry(request);
        byte[] properties = MessageProperties.Encode(request);
        return Telemetry.WatchesPublishing ? WatchEnqueueAsync(request, properties, cancellationToken) : TakeOverAsync(request, properties, cancellationToken);
    }

    private async ValueTask<MqttDeliveryHandle> TakeOverAsync(MqttPublishRequest request, byte[] properties, CancellationToken cancellationToken)
    {
        MqttQoS qos = request.QoS == MqttQoS.AtMostOnce ? MqttQoS.AtLeastOnce : request.QoS;
        cancellationToken.ThrowIfCancellationRequested();
        await RestoreAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            Task? room;
            Task<MqttPublishResult> completion;
            Task stored;
            lock (_gate)
            {
                Begin();
                room = Room(request.Topic, request.Payload.Length);
                if (room is null)
                {
                    Delivery delivery = _deliveries.Take();
                    Fill(delivery, request.Topic, request.Payload.ToArray(), properties, (QoS)qos, request.Retain, request.Expiry);
                    ValueTask<MqttPublishResult> task = delivery.Task;
                    _engine.Enqueue(delivery, Now());
                    completion = task.AsTask();
                    stored = Storing();
                    AfterEngine();
                }
                else
                {
                    completion = null!;
                    stored = null!;
                }
            }

            if (room is null)
            {
                await stored.WaitAsync(cancellationToken).ConfigureAwait(false);
                _ = completion.ContinueWith(static done => _ = done.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                return new MqttDeliveryHandle(completion);
            }

            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Task room;
            lock (_gate)
            {
                if (_engine.OutboxCount == 0)
                    return;
                if (_state is MqttConnectionState.Faulted or MqttConnectionState.Disposed)
                    throw new MqttNotConnectedException("There is no connection and none will be made.", _fault);
                if (_state == MqttConnectionState.Disconnected && !_isLeaving)
                    BeginConnecting();
                room = OutboxRoom();
            }

            await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static void CheckExpiry(MqttPublishRequest request)
    {
        if (request.Expiry <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(request), request.Expiry, "A message's expiry is above zero.");
    }

    private ValueTask<MqttPublishResult> PublishAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, MqttQoS qos, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromException<MqttPublishResult>(new MqttPublishCanceledException(maybeDelivered: false, cancellationToken));
        return Telemetry.WatchesPublishing
            ? WatchPublishAsync(topic, payload, properties, qos, retain, expiry, cancellationToken)
            : DispatchAsync(topic, payload, properties, qos, retain, expiry, cancellationToken);
    }

    private ValueTask<MqttPublishResult> DispatchAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, MqttQoS qos, bool retain, TimeSpan? expiry, CancellationToken cancellationToken) =>
        qos == MqttQoS.AtMostOnce
            ? SendAsync(topic, payload, properties, retain, expiry, cancellationToken)
            : DeliverAsync(topic, payload, properties, (QoS)qos, retain, expiry, cancellationToken);

    /// <summary>QoS 0: written at once if there is a connection and room; nothing is allocated then.</summary>
    private ValueTask<MqttPublishResult> SendAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_engine.IsConnected && _engine.Output.Waiting < _options.Limits.SendBytesMax)
            {
                ReasonCode? refusal = _engine.Publish(topic, payload.Span, properties, retain, expiry is { } time ? ClientEngine.Seconds(time) : null);
                if (refusal is { } reason)
                    return ValueTask.FromException<MqttPublishResult>(_engine.NotSent(topic, reason));
                _link?.Flush();
                return default;
            }
        }

        return SendSlowlyAsync(topic, payload, properties, retain, expiry, cancellationToken);
    }

    private async ValueTask<MqttPublishResult> SendSlowlyAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                Begin();
                if (_engine.IsConnected)
                {
                    if (_engine.Output.Waiting < _options.Limits.SendBytesMax)
                    {
                        if (_engine.Publish(topic, payload.Span, properties, retain, expiry is { } time ? ClientEngine.Seconds(time) : null) is { } reason)
                            throw _engine.NotSent(topic, reason);
                        _link?.Flush();
                        return default;
                    }

                    wait = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }
                else if (_state == MqttConnectionState.Connecting || _options.Outbox.BufferQoS0)
                {
                    wait = _connected.Task;
                }
                else
                {
                    throw new MqttNotConnectedException("There is no connection at the moment, and QoS 0 does not wait for one.");
                }
            }

            try
            {
                await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw new MqttPublishCanceledException(maybeDelivered: false, cancellationToken);
            }
        }
    }

    /// <summary>QoS 1 and 2: into the outbox; a pooled source is awaited, no task.</summary>
    private ValueTask<MqttPublishResult> DeliverAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, QoS qos, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        ValueTask<MqttPublishResult> task;
        Delivery delivery;
        Link? writer;
        lock (_gate)
        {
            if (_state != MqttConnectionState.Connected || !_engine.HasRoom(topic.Length + payload.Length))
                return DeliverSlowlyAsync(topic, payload, properties, qos, retain, expiry, cancellationToken);
            delivery = _deliveries.Take();
            Fill(delivery, topic, payload, properties, qos, retain, expiry);
            task = delivery.Task;
            bool isAlone = _engine.OutboxCount == 0;
            bool isTold = _errands.IsOfThisThread;
            _engine.Enqueue(delivery, Now());
            writer = (isAlone || isTold) && !(isTold && _errands.HasMore) && _link is { } link && link.TryBeginWriting() ? link : null;
            AfterEngine(isFlushing: !isTold);
        }

        // Somebody who publishes one after the other pays no thread change; when many are under way, they leave together.
        writer?.WriteOnce();
        if (cancellationToken.CanBeCanceled)
            Register(delivery, task, cancellationToken);
        return task;
    }

    private async ValueTask<MqttPublishResult> DeliverSlowlyAsync(
        string topic, ReadOnlyMemory<byte> payload, byte[] properties, QoS qos, bool retain, TimeSpan? expiry, CancellationToken cancellationToken)
    {
        await RestoreAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            Task? wait;
            ValueTask<MqttPublishResult> task = default;
            Delivery? delivery = null;
            lock (_gate)
            {
                Begin();
                wait = _state == MqttConnectionState.Connecting && !_options.Reconnect.RetryInitialConnect ? _connected.Task : Room(topic, payload.Length);
                if (wait is null)
                {
                    delivery = _deliveries.Take();
                    Fill(delivery, topic, payload, properties, qos, retain, expiry);
                    task = delivery.Task;
                    _engine.Enqueue(delivery, Now());
                    AfterEngine();
                }
            }

            if (delivery is not null)
            {
                if (cancellationToken.CanBeCanceled)
                    Register(delivery, task, cancellationToken);
                return await task.ConfigureAwait(false);
            }

            try
            {
                await wait!.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw new MqttPublishCanceledException(maybeDelivered: false, cancellationToken);
            }
        }
    }

    private void Fill(Delivery delivery, string topic, ReadOnlyMemory<byte> payload, byte[] properties, QoS qos, bool retain, TimeSpan? expiry) => delivery.Begin(
        topic,
        payload,
        properties,
        qos,
        retain,
        expiry is { } time ? Now() + (long)time.TotalMilliseconds : long.MaxValue,
        expiry is { } age ? (Time.GetUtcNow() + age).ToUnixTimeMilliseconds() : 0,
        isAwaited: true);

    private void Register(Delivery delivery, ValueTask<MqttPublishResult> task, CancellationToken cancellationToken)
    {
        delivery.Owner = this;
        delivery.Cancellation = cancellationToken;
        delivery.Registration = cancellationToken.UnsafeRegister(static state => ((Delivery)state!).Cancel(), delivery);
    }

    /// <summary>The caller of a delivery has cancelled.</summary>
    internal void Cancel(Delivery delivery)
    {
        lock (_gate)
        {
            if (delivery.State == DeliveryState.Done || delivery.IsAbandoned)
                return;
            bool isGone = _engine.Abandon(delivery);
            delivery.SetOutcome(default, new MqttPublishCanceledException(maybeDelivered: !isGone, delivery.Cancellation));
            Due(delivery);
            AfterEngine();
        }
    }

    /// <summary>Under the gate: makes the first use connect, and refuses what cannot go well.</summary>
    private void Begin()
    {
        ObjectDisposedException.ThrowIf(_state == MqttConnectionState.Disposed, this);
        if (_state == MqttConnectionState.Faulted)
            throw new MqttNotConnectedException($"There is no connection and none will be made: {_fault?.Message}", _fault);
        if (_state != MqttConnectionState.Disconnected)
            return;
        if (_isLeaving)
            throw new MqttNotConnectedException("The client was disconnected; ConnectAsync connects it again.");
        BeginConnecting();
    }

    /// <summary>Under the gate: null if the outbox has room, else what to wait for.</summary>
    private Task? Room(string topic, int payloadBytes)
    {
        int bytes = topic.Length + payloadBytes;
        while (!_engine.HasRoom(bytes))
        {
            switch (_options.Outbox.WhenFull)
            {
                case MqttOutboxFull.Refuse:
                    throw new MqttOutboxFullException("The outbox is full.");
                case MqttOutboxFull.DropOldest when _engine.DropOldest():
                    Telemetry.Dropped(ClientTelemetry.OutboxFull);
                    continue;
                default:
                    return OutboxRoom();
            }
        }

        return null;
    }

    private Task OutboxRoom()
    {
        _engine.AwaitRoom();
        return (_outboxRoom ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
    }
}
