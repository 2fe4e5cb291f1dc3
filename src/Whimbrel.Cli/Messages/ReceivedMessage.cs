using Whimbrel.Protocol;

namespace Whimbrel.Cli.Messages;

/// <summary>One message as it arrived: views over the receive buffer.</summary>
internal readonly ref struct ReceivedMessage
{
    /// <summary>The topic, also if an alias stood for it.</summary>
    public ReadOnlySpan<byte> Topic { get; init; }

    public PublishPacket Packet { get; init; }

    /// <summary>When it arrived, in local time.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Name and value of the User Properties.</summary>
    public UserProperties UserProperties => new(Packet.PropertyBlock);
}
