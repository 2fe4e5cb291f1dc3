using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Whimbrel.Client.Transports;
using Whimbrel.Protocol;

namespace Whimbrel.Client.Telemetry;

/// <summary>
/// A connection whose packets are logged, one line each, without payloads and secrets. Made only for who logs
/// <see cref="MqttTelemetry.PacketLogCategory"/> at <see cref="LogLevel.Trace"/>.
/// </summary>
internal sealed class PacketTrace(ITransport inner, ProtocolVersion version, ILogger log) : ITransport
{
    private readonly Direction _received = new("received");
    private readonly Direction _sent = new("sending");

    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        int count = await inner.ReceiveAsync(buffer).ConfigureAwait(false);
        _received.Follow(buffer.Span[..count], version, log);
        return count;
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        _sent.Follow(bytes.Span, version, log);
        return inner.SendAsync(bytes);
    }

    public ValueTask CloseAsync() => inner.CloseAsync();

    public void Abort() => inner.Abort();

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static string Describe(in Frame frame, ProtocolVersion version)
    {
        string name = frame.Type.ToString().ToUpperInvariant();
        switch (frame.Type)
        {
            case PacketType.Connect when ConnectPacket.TryParse(frame, out ConnectPacket connect, out _):
                return $"{name} as '{Text(connect.ClientId)}' with MQTT {VersionName(version)}{(connect.CleanStart ? ", clean start" : "")}, keep alive {connect.KeepAliveSeconds} s";
            case PacketType.ConnAck when ConnAckPacket.TryParse(frame, version, out ConnAckPacket answer, out _):
                return $"{name}{Reason(answer.Reason)}, session {(answer.SessionPresent ? "present" : "new")}";
            case PacketType.Publish when PublishPacket.TryParse(frame, version, out PublishPacket publish, out _):
                string flags = $"{(publish.Duplicate ? ", DUP" : "")}{(publish.Retain ? ", retained" : "")}{(publish.TopicAlias != 0 ? $", alias {publish.TopicAlias}" : "")}";
                return $"{name} '{Text(publish.Topic)}', {publish.Payload.Length} bytes, QoS {(int)publish.QoS}{flags}, id {publish.PacketId}";
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp when AckPacket.TryParse(frame, version, out AckPacket ack, out _):
                return $"{name}, id {ack.PacketId}{Reason(ack.Reason)}";
            case PacketType.Subscribe when SubscribePacket.TryParse(frame, version, out SubscribePacket subscribe, out _):
                var asked = new StringBuilder(name);
                foreach (SubscriptionRequest request in subscribe.Filters)
                    asked.Append(CultureInfo.InvariantCulture, $" '{Text(request.Filter)}', QoS {(int)request.Options.QoS},");
                return asked.Append(CultureInfo.InvariantCulture, $" id {subscribe.PacketId}").ToString();
            case PacketType.SubAck when SubAckPacket.TryParse(frame, version, out SubAckPacket granted, out _):
                return $"{name}, id {granted.PacketId}, {Codes(granted.ReasonCodes)}";
            case PacketType.Unsubscribe when UnsubscribePacket.TryParse(frame, version, out UnsubscribePacket unsubscribe, out _):
                var left = new StringBuilder(name);
                foreach (ReadOnlySpan<byte> filter in unsubscribe.Filters)
                    left.Append(CultureInfo.InvariantCulture, $" '{Text(filter)}',");
                return left.Append(CultureInfo.InvariantCulture, $" id {unsubscribe.PacketId}").ToString();
            case PacketType.UnsubAck when UnsubAckPacket.TryParse(frame, version, out UnsubAckPacket ended, out _):
                return $"{name}, id {ended.PacketId}{(ended.ReasonCodes.IsEmpty ? "" : $", {Codes(ended.ReasonCodes)}")}";
            case PacketType.Disconnect when DisconnectPacket.TryParse(frame, version, out DisconnectPacket farewell, out _):
                return $"{name}{Reason(farewell.Reason)}";
            default:
                return name;
        }
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);

    private static string Reason(ReasonCode reason) => reason == ReasonCode.Success ? "" : $", {MqttException.Describe(reason, null)}";

    private static string Codes(ReadOnlySpan<byte> codes)
    {
        var names = new List<string>();
        foreach (byte code in codes)
            names.Add(code <= (byte)QoS.ExactlyOnce ? $"0x{code:X2}" : MqttException.Describe((ReasonCode)code, null));
        return string.Join(", ", names);
    }

    private static string VersionName(ProtocolVersion version) => version switch
    {
        ProtocolVersion.Mqtt31 => "3.1",
        ProtocolVersion.Mqtt311 => "3.1.1",
        _ => "5.0",
    };

    /// <summary>Finds the packets in what goes one way.</summary>
    private sealed class Direction(string verb)
    {
        private readonly ArrayBufferWriter<byte> _part = new();

        public void Follow(ReadOnlySpan<byte> bytes, ProtocolVersion version, ILogger log)
        {
            _part.Write(bytes);
            ReadOnlySpan<byte> rest = _part.WrittenSpan;
            while (FrameReader.TryRead(rest, uint.MaxValue, out Frame frame, out int length, out _) == FrameStatus.Complete)
            {
                ClientLog.Packet(log, verb, Describe(frame, version));
                rest = rest[length..];
            }

            byte[] left = rest.ToArray();
            _part.ResetWrittenCount();
            _part.Write(left);
        }
    }
}
