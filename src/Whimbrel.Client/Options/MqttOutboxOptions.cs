namespace Whimbrel.Client;

/// <summary>What the client keeps of messages that the server has not acknowledged.</summary>
public sealed class MqttOutboxOptions
{
    /// <summary>Null: memory only, so what is not delivered is gone with the process.</summary>
    public IMqttOutboxStore? Store { get; set; }

    /// <summary>Messages that may wait, those on their way included.</summary>
    public int MessagesMax { get; set; } = 10_000;

    /// <summary>Bytes of topics and payloads that may wait.</summary>
    public long BytesMax { get; set; } = 64 * 1024 * 1024;

    public MqttOutboxFull WhenFull { get; set; }

    /// <summary>Whether QoS 0 waits for a connection too, instead of failing at once.</summary>
    public bool BufferQoS0 { get; set; }

    /// <summary>
    /// How often the server may close the connection over one message before that message is taken out, so that one bad message does not
    /// block all others for ever.
    /// </summary>
    public int RejectionsMax { get; set; } = 3;

    internal MqttOutboxOptions Snapshot() => (MqttOutboxOptions)MemberwiseClone();
}

/// <summary>What happens to a message that finds the outbox full.</summary>
public enum MqttOutboxFull
{
    /// <summary>The caller waits for room.</summary>
    Wait,

    /// <summary>The new message is refused with <see cref="MqttOutboxFullException"/>.</summary>
    Refuse,

    /// <summary>The oldest message that has not been sent is given up with <see cref="MqttOutboxFullException"/>.</summary>
    DropOldest,
}
