using System.Threading.Tasks.Sources;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Engine;

/// <summary>How far a message has come on its way out.</summary>
internal enum DeliveryState : byte
{
    Idle,

    /// <summary>In the outbox, without a packet identifier.</summary>
    Queued,

    /// <summary>In the window.</summary>
    InFlight,

    Done,
}

/// <summary>
/// A message of QoS 1 or 2 on its way to the server, and what its publisher awaits. Pooled: it is used again when both the engine and the
/// awaiting caller are done with it. The engine's members are guarded by the client's gate.
/// </summary>
internal sealed class Delivery : IValueTaskSource<MqttPublishResult>, IThreadPoolWorkItem
{
    private readonly DeliveryPool _pool;
    private ManualResetValueTaskSourceCore<MqttPublishResult> _core;
    private MqttPublishResult _result;
    private Exception? _error;
    private int _holders;

    public Delivery(DeliveryPool pool) => _pool = pool;

    public string Topic { get; private set; } = "";

    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>The forwardable properties, encoded.</summary>
    public byte[] Properties { get; private set; } = [];

    public QoS QoS { get; private set; }

    public bool Retain { get; private set; }

    /// <summary>When it expires, in the engine's milliseconds; <see cref="long.MaxValue"/>: never.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The same for a store: Unix time in milliseconds, 0: never.</summary>
    public long ExpiresAtUnix { get; private set; }

    public DeliveryState State { get; set; }

    /// <summary>Whether it has been on the wire, so that the next time is a repetition.</summary>
    public bool WasSent { get; set; }

    /// <summary>Its key in the store; 0 without a store.</summary>
    public long Key { get; set; }

    /// <summary>Nobody waits any more.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>Times that the server closed the connection when nothing else was outstanding.</summary>
    public int Rejections { get; set; }

    /// <summary>What PUBREC said.</summary>
    public ReasonCode Received { get; set; }

    /// <summary>What it counted for when it came into the outbox.</summary>
    public int Size { get; set; }

    /// <summary>Whom to tell when the caller cancels.</summary>
    public MqttClient? Owner { get; set; }

    public CancellationToken Cancellation { get; set; }

    public CancellationTokenRegistration Registration { get; set; }

    public int Bytes => (2 * Topic.Length) + Payload.Length + Properties.Length + 64;

    public short Version => _core.Version;

    public ValueTask<MqttPublishResult> Task => new(this, _core.Version);

    public void Begin(string topic, ReadOnlyMemory<byte> payload, byte[] properties, QoS qos, bool retain, long expiresAt, long expiresAtUnix, bool isAwaited)
    {
        (Topic, Payload, Properties, QoS, Retain, ExpiresAt) = (topic, payload, properties, qos, retain, expiresAt);
        ExpiresAtUnix = expiresAtUnix;
        State = DeliveryState.Idle;
        WasSent = false;
        IsAbandoned = false;
        Key = 0;
        Rejections = 0;
        Received = ReasonCode.Success;
        _holders = isAwaited ? 2 : 1;
        _error = null;
        _result = default;
    }

    /// <summary>Takes a copy of the payload: the caller has been told that its call is over and may use the memory.</summary>
    public void OwnPayload() => Payload = Payload.ToArray();

    /// <summary>The server has the message: only its identifier counts from now on.</summary>
    public void DropContent()
    {
        Payload = default;
        Properties = [];
    }

    /// <summary>Notes how it ended; <see cref="Execute"/> tells the one who waits.</summary>
    public void SetOutcome(MqttPublishResult result, Exception? error)
    {
        _result = result;
        _error = error;
    }

    /// <summary>Tells the awaiting caller, on this thread. Outside the gate.</summary>
    public void Execute()
    {
        if (_error is null)
            _core.SetResult(_result);
        else
            _core.SetException(_error);
    }

    /// <summary>The caller's token was cancelled.</summary>
    public void Cancel() => Owner?.Cancel(this);

    MqttPublishResult IValueTaskSource<MqttPublishResult>.GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            Registration.Dispose();
            Registration = default;
            LetGo();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<MqttPublishResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<MqttPublishResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <summary>The engine or the caller is done with it.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) != 0)
            return;
        _core.Reset();
        Topic = "";
        Payload = default;
        Properties = [];
        _error = null;
        _pool.Return(this);
    }
}

/// <summary>Deliveries to use again. Thread-safe.</summary>
internal sealed class DeliveryPool
{
    private const int KeepMax = 4096;

    private readonly Stack<Delivery> _free = new();
    private readonly Lock _lock = new();

    public Delivery Take()
    {
        lock (_lock)
        {
            if (_free.TryPop(out Delivery? delivery))
                return delivery;
        }

        return new Delivery(this);
    }

    public void Return(Delivery delivery)
    {
        lock (_lock)
        {
            if (_free.Count < KeepMax)
                _free.Push(delivery);
        }
    }
}
