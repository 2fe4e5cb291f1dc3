using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Hosting;

/// <summary>A message as a subscriber inside the process gets it.</summary>
/// <param name="Content">The message itself; immutable and shared.</param>
/// <param name="IsRetained">True if it was retained before the subscription was made.</param>
public sealed record ReceivedMessage(Message Content, bool IsRetained)
{
    private string? _topic;

    public string Topic => _topic ??= Encoding.UTF8.GetString(Content.Topic);

    /// <summary>Not to be written to.</summary>
    public ReadOnlyMemory<byte> Payload => Content.Payload;

    public QoS QoS => Content.QoS;

    /// <summary>The client that published it, or null.</summary>
    public string? Publisher => Content.Publisher;
}
