namespace Whimbrel.Client;

/// <summary>
/// Keeps what a client must not forget when its process ends: messages that wait or are on their way, and the packet identifiers of QoS 2
/// in both directions. The client calls one method at a time.
/// </summary>
public interface IMqttOutboxStore : IAsyncDisposable
{
    /// <summary>Everything that is kept, once, before the first write.</summary>
    ValueTask<MqttOutboxContent> LoadAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes the changes in their order, all or none; when the task completes, they survive a failure of process and machine.
    /// </summary>
    ValueTask WriteAsync(IReadOnlyList<MqttOutboxChange> changes, CancellationToken cancellationToken);
}

/// <summary>What a store held.</summary>
/// <param name="Messages">In the order of their keys.</param>
/// <param name="ReceivedPacketIds">Identifiers of QoS 2 messages that were handled and that the server has not released.</param>
public sealed record MqttOutboxContent(IReadOnlyList<MqttStoredMessage> Messages, IReadOnlyList<ushort> ReceivedPacketIds)
{
    public static MqttOutboxContent Empty { get; } = new([], []);
}

/// <summary>One message as it is kept.</summary>
/// <param name="Key">Greater than every earlier key.</param>
/// <param name="Body">The message, encoded by the client.</param>
/// <param name="PacketId">0 until a packet identifier has been given.</param>
/// <param name="Released">The server has it; only PUBREL is owed.</param>
public readonly record struct MqttStoredMessage(long Key, ReadOnlyMemory<byte> Body, ushort PacketId, bool Released);

/// <summary>What a change does.</summary>
public enum MqttOutboxChangeKind
{
    /// <summary>A message is kept: key, body.</summary>
    Add,

    /// <summary>A message has got its packet identifier: key, packet identifier.</summary>
    Assign,

    /// <summary>The server has the message; only PUBREL is owed and the body is not needed any more: key.</summary>
    Release,

    /// <summary>A message is done: key.</summary>
    Remove,

    /// <summary>A QoS 2 message has been handled: packet identifier.</summary>
    Received,

    /// <summary>The server has released it: packet identifier.</summary>
    Forget,

    /// <summary>The session is gone and with it every packet identifier, in both directions; the messages stay.</summary>
    NewSession,
}

/// <summary>One step of what must be written.</summary>
public readonly record struct MqttOutboxChange(MqttOutboxChangeKind Kind, long Key, ushort PacketId, ReadOnlyMemory<byte> Body);
