using System.Diagnostics;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using Whimbrel.Protocol;

namespace Whimbrel.Client;

/// <summary>A received message. It owns its memory and may be kept.</summary>
public sealed class MqttMessage
{
    private readonly MqttSubscription? _subscription;
    private readonly byte[] _bytes;
    private readonly int _propertyLength;
    private readonly byte _flags;
    private int _isAnswered;

    internal MqttMessage(in PublishPacket packet, string topic, long token, MqttSubscription? subscription, DateTimeOffset? expiresAt)
    {
        Topic = topic;
        Token = token;
        ExpiresAt = expiresAt;
        _subscription = subscription;
        _flags = (byte)((int)packet.QoS | (packet.Retain ? 4 : 0) | (packet.Duplicate ? 8 : 0));
        _propertyLength = packet.PropertyBlock.Length;
        if (_propertyLength + packet.Payload.Length == 0)
        {
            _bytes = [];
            return;
        }

        // One array holds both; the properties are understood when somebody asks.
        _bytes = GC.AllocateUninitializedArray<byte>(_propertyLength + packet.Payload.Length);
        packet.PropertyBlock.CopyTo(_bytes);
        packet.Payload.CopyTo(_bytes.AsSpan(_propertyLength));
    }

    private MqttMessage(MqttMessage original, string topic)
    {
        Topic = topic;
        ExpiresAt = original.ExpiresAt;
        Processing = original.Processing;
        _subscription = original._subscription;
        _flags = original._flags;
        _propertyLength = original._propertyLength;
        _bytes = original._bytes;
    }

    public string Topic { get; }

    public ReadOnlyMemory<byte> Payload => _bytes.AsMemory(_propertyLength);

    public MqttQoS QoS => (MqttQoS)(_flags & 3);

    /// <summary>It was kept by the server and is not new.</summary>
    public bool Retain => (_flags & 4) != 0;

    /// <summary>The server may have sent it before.</summary>
    public bool Duplicate => (_flags & 8) != 0;

    public string? ContentType => MaybeText(PropertyId.ContentType);

    public string? ResponseTopic => MaybeText(PropertyId.ResponseTopic);

    /// <summary>The publisher says that the payload is UTF-8 text.</summary>
    public bool PayloadIsText => TryFind(PropertyId.PayloadFormatIndicator, out Property found) && found.Number == 1;

    public ReadOnlyMemory<byte> CorrelationData => TryFind(PropertyId.CorrelationData, out Property found) ? found.Text.ToArray() : default;

    public IReadOnlyList<KeyValuePair<string, string>> UserProperties => Engine.MessageProperties.Users(PropertyBlock);

    /// <summary>When it is not worth anything any more; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; }

    /// <summary>The named levels of the filter that brought it: <c>home/{room}/temp</c> gives <c>room</c>.</summary>
    public MqttRoute Route => new(_subscription?.Template, Topic);

    /// <summary>
    /// What a span that has to do with this message belongs to: the one in which it is handled if that is recorded, else the publisher's
    /// (<see cref="MqttClientOptions.PropagateTraceContext"/>). In a handler it is current; a reader's loop gives it to the spans that it starts.
    /// </summary>
    public ActivityContext TraceContext => Processing?.Context ?? PublisherContext;

    internal ActivityContext PublisherContext => _propertyLength == 0 ? default : Telemetry.TraceContext.Extract(PropertyBlock);

    /// <summary>The span in which the program has this message.</summary>
    internal Activity? Processing { get; set; }

    /// <summary>The packet identifier that it came with; 0 for QoS 0.</summary>
    public ushort PacketId => (ushort)Token;

    /// <summary>The properties as they stand on the wire.</summary>
    public ReadOnlySpan<byte> PropertyBlock => _bytes.AsSpan(0, _propertyLength);

    internal long Token { get; }

    internal int Size => _bytes.Length;

    internal MqttSubscription? Subscription => _subscription;

    /// <summary>The first value of a user property, or null.</summary>
    public string? GetUserProperty(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_propertyLength == 0)
            return null;
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        foreach (UserProperty property in new UserProperties(PropertyBlock))
        {
            if (property.Name.SequenceEqual(wanted))
                return Encoding.UTF8.GetString(property.Value);
        }

        return null;
    }

    /// <summary>The payload as UTF-8 text.</summary>
    public string GetString() => Encoding.UTF8.GetString(Payload.Span);

    /// <summary>The payload as JSON.</summary>
    /// <exception cref="MqttPayloadException">It is none, or not of this type.</exception>
    public T? Deserialize<T>(JsonTypeInfo<T> type) => Deserialize(new MqttJsonSerializer<T>(type));

    /// <summary>The payload as a value.</summary>
    /// <exception cref="MqttPayloadException">The serializer cannot read it. A handler that lets it go is not called again for this message.</exception>
    public T? Deserialize<T>(IMqttPayloadSerializer<T> serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        try
        {
            return serializer.Read(Payload.Span);
        }
#pragma warning disable CA1031 // Whatever a serializer throws, the payload is what it cannot read.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            throw new MqttPayloadException($"The message for '{Topic}' cannot be read as {typeof(T).Name}: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// Says that this message is dealt with. In <see cref="MqttAckMode.Manual"/> the program must say it for each message of QoS 1 and 2; at
    /// any time, in any order, on any thread. In the other mode it may, to be earlier.
    /// </summary>
    public ValueTask<MqttAckResult> AcknowledgeAsync() => new(Answer(ReasonCode.Success));

    /// <summary>
    /// Says that this message is dealt with and was not wanted. MQTT has no redelivery on demand: the server forgets it, too. The code reaches
    /// the server in 5.0 only; what it does with it is its own.
    /// </summary>
    public ValueTask<MqttAckResult> RejectAsync(ReasonCode reason = ReasonCode.ImplementationSpecificError) => new(Answer(reason));

    /// <summary>The same message for another topic; acknowledging stays with the original.</summary>
    internal MqttMessage For(string topic) => new(this, topic);

    internal MqttAckResult Answer(ReasonCode reason)
    {
        if (Token == 0)
            return MqttAckResult.NotNeeded;
        if (Interlocked.Exchange(ref _isAnswered, 1) != 0)
            return MqttAckResult.AlreadyDone;
        return _subscription?.Acknowledge(Token, reason) ?? MqttAckResult.NotNeeded;
    }

    private string? MaybeText(PropertyId id) => TryFind(id, out Property found) ? Encoding.UTF8.GetString(found.Text) : null;

    private bool TryFind(PropertyId id, out Property found) => PropertyReader.TryFind(PropertyBlock, PropertyScope.Publish, id, out found);
}

/// <summary>What became of an acknowledgement.</summary>
public enum MqttAckResult
{
    Acknowledged,

    /// <summary>The connection that brought the message is gone; the server sends it again if it still has it.</summary>
    Stale,

    AlreadyDone,

    /// <summary>QoS 0 is not acknowledged.</summary>
    NotNeeded,
}
