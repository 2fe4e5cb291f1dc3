using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

internal sealed partial class WireConnection
{
    // However many the server allows.
    private const int InFlightMax = 1000;

    // A server of 3.x cannot say how many it takes; mosquitto's tools send so many, and mosquitto 2.0 loses some of hundreds.
    private const int InFlightMax3 = 20;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _quota;
    private readonly Dictionary<ushort, Waiting> _waiting = [];
    private ushort _lastPacketId;
    private bool _isPingOut;

    /// <summary>
    /// Sends a message once there is room and, for QoS 1 and 2, the server's Receive Maximum allows it. The inner task ends when
    /// the message is the server's: with its acknowledgement, or for QoS 0 at once.
    /// </summary>
    /// <exception cref="CommandFailure">The connection ended, or the server does not take such messages.</exception>
    public async ValueTask<Task<ReasonCode>> PublishAsync(WireMessage message, CancellationToken cancel)
    {
        CheckAllowed(message);
        await _sending.RoomAsync(Closed).ConfigureAwait(false);
        await ThrowIfClosedAsync().ConfigureAwait(false);
        if (message.QoS == QoS.AtMostOnce)
        {
            Send(message, 0);
            return Task.FromResult(ReasonCode.Success);
        }

        using (var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, _ending.Token))
        {
            try
            {
                await _quota.WaitAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                await ThrowIfClosedAsync().ConfigureAwait(false);
                throw;
            }
        }

        var waiting = new Waiting(message.QoS == QoS.ExactlyOnce ? PacketType.PubRec : PacketType.PubAck);
        Send(message, Register(waiting));
        return waiting.Answer.Task;
    }

    /// <returns>One code per filter.</returns>
    public async Task<byte[]> SubscribeAsync(IReadOnlyList<string> filters, SubscriptionOptions options)
    {
        var waiting = new Waiting(PacketType.SubAck);
        ushort id = Register(waiting);
        SendSubscribe(filters, options, id);
        await waiting.Answer.Task.ConfigureAwait(false);
        return waiting.Codes;
    }

    /// <returns>One code per filter; none in 3.x.</returns>
    public async Task<byte[]> UnsubscribeAsync(IReadOnlyList<string> filters)
    {
        var waiting = new Waiting(PacketType.UnsubAck);
        ushort id = Register(waiting);
        SendUnsubscribe(filters, id);
        await waiting.Answer.Task.ConfigureAwait(false);
        return waiting.Codes;
    }

    /// <summary>Why the connection is gone, if it is.</summary>
    private async ValueTask ThrowIfClosedAsync()
    {
        if (Closed.IsCompleted)
        {
            await Closed.ConfigureAwait(false);
            throw new CommandFailure(ExitCode.Failed, $"the connection to {_target} is closed");
        }
    }

    private void CheckAllowed(WireMessage message)
    {
        if (message.QoS > Connected.MaximumQoS)
        {
            int most = (int)Connected.MaximumQoS;
            throw new CommandFailure(ExitCode.Refused, $"{_target} takes messages up to QoS {most} only: use -q {most}");
        }

        if (message.Retain && !Connected.RetainAvailable)
            throw new CommandFailure(ExitCode.Refused, $"{_target} takes no retained messages");
    }

    private void Send(WireMessage message, ushort id)
    {
        var packet = new PublishPacket
        {
            QoS = message.QoS,
            Retain = message.Retain,
            PacketId = id,
            Topic = WireText.Encode(message.Topic),
            Payload = message.Payload.Span,
        };
        if (Version == ProtocolVersion.Mqtt50)
        {
            var given = _connect.Properties[PropertyScope.Publish];
            packet.TopicAlias = (ushort)(given.Number(PropertyId.TopicAlias) ?? 0);
            packet.HasMessageExpiry = given.Has(PropertyId.MessageExpiryInterval);
            packet.MessageExpirySeconds = given.Number(PropertyId.MessageExpiryInterval) ?? 0;
            packet.PropertyBlock = given.Encode(p => p.Id is not (PropertyId.TopicAlias or PropertyId.MessageExpiryInterval));
        }

        int length = packet.Measure(Version);
        if ((uint)length > Connected.MaximumPacketSize)
        {
            throw new CommandFailure(
                ExitCode.Refused, $"the message makes a packet of {length} bytes, and {_target} takes at most {Connected.MaximumPacketSize}");
        }

        string retained = message.Retain ? ", retained" : "";
        _trace?.Invoke($"sending PUBLISH '{message.Topic}', {message.Payload.Length} bytes, QoS {(int)message.QoS}{retained}, id {id}");
        _sending.Append(packet);
    }

    private void SendSubscribe(IReadOnlyList<string> filters, SubscriptionOptions options, ushort id)
    {
        var encoded = filters.Select(WireText.Encode).ToList();
        byte[] payload = new byte[encoded.Sum(f => SubscribePacket.MeasureFilter(f))];
        var writer = new PacketWriter(payload);
        foreach (byte[] filter in encoded)
        {
            // No Local on a shared subscription is a protocol error [MQTT-3.8.3-4].
            bool isShared = filter.AsSpan().StartsWith("$share/"u8);
            var own = isShared ? new SubscriptionOptions(options.QoS, false, options.RetainAsPublished, options.RetainHandling) : options;
            SubscribePacket.EncodeFilter(ref writer, filter, Version == ProtocolVersion.Mqtt50 ? own : new SubscriptionOptions((byte)options.QoS));
        }

        var packet = new SubscribePacket { PacketId = id, EncodedFilters = payload };
        if (Version == ProtocolVersion.Mqtt50)
        {
            var given = _connect.Properties[PropertyScope.Subscribe];
            packet.SubscriptionIdentifier = given.Number(PropertyId.SubscriptionIdentifier) ?? 0;
            packet.UserPropertyBlock = given.UserBlock();
        }

        _trace?.Invoke($"sending SUBSCRIBE {string.Join(", ", filters.Select(f => $"'{f}'"))}, QoS {(int)options.QoS}, id {id}");
        _sending.Append(packet);
    }

    private void SendUnsubscribe(IReadOnlyList<string> filters, ushort id)
    {
        var encoded = filters.Select(WireText.Encode).ToList();
        byte[] payload = new byte[encoded.Sum(f => UnsubscribePacket.MeasureFilter(f))];
        var writer = new PacketWriter(payload);
        foreach (byte[] filter in encoded)
            UnsubscribePacket.EncodeFilter(ref writer, filter);

        _trace?.Invoke($"sending UNSUBSCRIBE {string.Join(", ", filters.Select(f => $"'{f}'"))}, id {id}");
        _sending.Append(new UnsubscribePacket
        {
            PacketId = id,
            EncodedFilters = payload,
            UserPropertyBlock = _connect.Properties[PropertyScope.Unsubscribe].UserBlock(),
        });
    }

    private void SendDisconnect(ReasonCode reason)
    {
        var given = _connect.Properties[PropertyScope.Disconnect];
        _sending.Append(new DisconnectPacket
        {
            Reason = reason,
            SessionExpirySeconds = given.Number(PropertyId.SessionExpiryInterval),
            ReasonString = given.Text(PropertyId.ReasonString),
            UserPropertyBlock = given.UserBlock(),
        });
    }

    private ushort Register(Waiting waiting)
    {
        lock (_lock)
        {
            do
            {
                _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1);
            }
            while (_waiting.ContainsKey(_lastPacketId));
            _waiting[_lastPacketId] = waiting;
            if (Closed.IsFaulted)
                waiting.Answer.TrySetException(Closed.Exception!.InnerException!);
            return _lastPacketId;
        }
    }

    private void FailPending(Exception failure)
    {
        lock (_lock)
        {
            foreach (var waiting in _waiting.Values)
            {
                if (waiting.Answer.TrySetException(failure))
                    _ = waiting.Answer.Task.Exception;
            }

            _waiting.Clear();
        }
    }

    /// <summary>A packet of ours that the server has to answer.</summary>
    private sealed class Waiting(PacketType expected)
    {
        /// <summary>What comes next: PUBREC before PUBCOMP.</summary>
        public PacketType Expected { get; set; } = expected;

        public TaskCompletionSource<ReasonCode> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Of PUBREC.</summary>
        public ReasonCode Reason { get; set; }

        /// <summary>Of SUBACK and UNSUBACK.</summary>
        public byte[] Codes { get; set; } = [];
    }
}
