using System.Buffers;
using System.Net.Sockets;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Wire;

internal sealed partial class WireConnection
{
    private const int BufferSize = 64 * 1024;

    // QoS 2 messages that were taken and whose PUBREL has not come: a repeated PUBLISH is not handed on [MQTT-4.3.3-10].
    private readonly HashSet<ushort> _received = [];
    private readonly Dictionary<ushort, byte[]> _aliases = [];
    private readonly ArrayBufferWriter<byte> _answers = new();
    private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isDiscarding;

    /// <summary>Completes when the sink has had enough.</summary>
    public Task Enough => _enough.Task;

    private async Task ReadAsync(byte[] behind)
    {
        byte[] buffer = new byte[Math.Max(BufferSize, behind.Length)];
        behind.CopyTo(buffer, 0);
        int filled = behind.Length;
        while (true)
        {
            int consumed = Process(buffer.AsSpan(0, filled), out int wanted);
            buffer.AsSpan(consumed, filled - consumed).CopyTo(buffer);
            filled -= consumed;
            if (wanted > buffer.Length)
                Array.Resize(ref buffer, wanted);

            int count;
            try
            {
                count = await _socket.ReceiveAsync(buffer.AsMemory(filled), _ending.Token).ConfigureAwait(false);
            }
            catch (SocketException) when (_isDiscarding)
            {
                return;
            }

            if (count == 0)
            {
                if (!_isDiscarding)
                    throw new CommandFailure(ExitCode.Failed, $"{_target} closed the connection");
                return;
            }

            filled += count;
        }
    }

    /// <summary>Handles the whole packets in the buffer; answers leave after the sink has flushed.</summary>
    private int Process(ReadOnlySpan<byte> bytes, out int wanted)
    {
        int consumed = 0;
        wanted = 0;
        while (consumed < bytes.Length)
        {
            uint sizeMax = _connect.Properties[PropertyScope.Connect].Number(PropertyId.MaximumPacketSize) ?? int.MaxValue;
            var status = FrameReader.TryRead(bytes[consumed..], sizeMax, out var frame, out int length, out var violation);
            if (status == FrameStatus.NeedMore)
            {
                wanted = length;
                break;
            }

            if (status == FrameStatus.Malformed)
                throw Broken(violation);
            consumed += length;
            if (!_isDiscarding || frame.Type != PacketType.Publish)
                Handle(frame);
        }

        if (_sink is not null && !_sink.TryFlush())
        {
            _isDiscarding = true;
            _answers.ResetWrittenCount();
        }

        if (_answers.WrittenCount > 0)
        {
            _sending.AppendRaw(_answers.WrittenSpan);
            _answers.ResetWrittenCount();
        }

        if (_isDiscarding)
            _enough.TrySetResult();
        return consumed;
    }

    private void Handle(in Frame frame)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                HandlePublish(frame);
                break;
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                HandleAck(frame);
                break;
            case PacketType.SubAck:
                if (!SubAckPacket.TryParse(frame, Version, out var subAck, out var violation))
                    throw Broken(violation);
                Complete(PacketType.SubAck, subAck.PacketId, ReasonCode.Success, subAck.ReasonCodes);
                break;
            case PacketType.UnsubAck:
                if (!UnsubAckPacket.TryParse(frame, Version, out var unsubAck, out violation))
                    throw Broken(violation);
                Complete(PacketType.UnsubAck, unsubAck.PacketId, ReasonCode.Success, unsubAck.ReasonCodes);
                break;
            case PacketType.PingResp:
                _trace?.Invoke("received PINGRESP");
                Volatile.Write(ref _isPingOut, false);
                break;
            case PacketType.Disconnect:
                throw Dismissed(frame);
            default:
                throw Broken(new Violation(ReasonCode.ProtocolError, $"{frame.Type} is nothing that a server sends here"));
        }
    }

    private void HandlePublish(in Frame frame)
    {
        if (!PublishPacket.TryParse(frame, Version, out var packet, out var violation))
            throw Broken(violation);

        var topic = packet.Topic;
        if (packet.TopicAlias != 0)
        {
            if (!topic.IsEmpty)
                _aliases[packet.TopicAlias] = topic.ToArray();
            else if (_aliases.TryGetValue(packet.TopicAlias, out byte[]? known))
                topic = known;
            else
                throw Broken(new Violation(ReasonCode.TopicAliasInvalid, "a topic alias was never set"));
        }

        if (_trace is not null)
        {
            string flags = $"{(packet.Duplicate ? ", DUP" : "")}{(packet.Retain ? ", retained" : "")}";
            _trace($"received PUBLISH '{Escaped.Text(topic)}', {packet.Payload.Length} bytes, QoS {(int)packet.QoS}{flags}, id {packet.PacketId}");
        }

        bool isRepeated = packet.QoS == QoS.ExactlyOnce && _received.Contains(packet.PacketId);
        if (!isRepeated && _sink is not null)
        {
            var answer = _sink.Take(topic, packet);
            _isDiscarding = answer != SinkAnswer.More;
            if (answer == SinkAnswer.Stop)
                return;
        }

        if (packet.QoS == QoS.AtLeastOnce)
        {
            Answer(PacketType.PubAck, packet.PacketId);
        }
        else if (packet.QoS == QoS.ExactlyOnce)
        {
            _received.Add(packet.PacketId);
            Answer(PacketType.PubRec, packet.PacketId);
        }
    }

    private void HandleAck(in Frame frame)
    {
        if (!AckPacket.TryParse(frame, Version, out var packet, out var violation))
            throw Broken(violation);

        if (_trace is not null)
        {
            string reason = packet.Reason == ReasonCode.Success ? "" : $", {ReasonText.Describe(packet.Reason)}";
            _trace($"received {packet.Type.ToString().ToUpperInvariant()}, id {packet.PacketId}{reason}");
        }

        switch (packet.Type)
        {
            case PacketType.PubRel:
                bool isKnown = _received.Remove(packet.PacketId);
                Answer(PacketType.PubComp, packet.PacketId, isKnown ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
                break;
            case PacketType.PubRec when !ReasonCodes.IsError(packet.Reason):
                lock (_lock)
                {
                    if (_waiting.TryGetValue(packet.PacketId, out var waiting) && waiting.Expected is PacketType.PubRec or PacketType.PubComp)
                    {
                        waiting.Expected = PacketType.PubComp;
                        waiting.Reason = packet.Reason;
                        Answer(PacketType.PubRel, packet.PacketId);
                    }
                    else
                    {
                        Answer(PacketType.PubRel, packet.PacketId, ReasonCode.PacketIdentifierNotFound);
                    }
                }

                break;
            default:
                Complete(packet.Type, packet.PacketId, packet.Reason, default);
                break;
        }
    }

    private void Complete(PacketType type, ushort id, ReasonCode reason, ReadOnlySpan<byte> codes)
    {
        Waiting? waiting;
        lock (_lock)
        {
            if (!_waiting.TryGetValue(id, out waiting) || waiting.Expected != type)
            {
                // Of an earlier connection of this session, or answered already.
                _trace?.Invoke($"received {type.ToString().ToUpperInvariant()} for an unknown id {id}");
                return;
            }

            _waiting.Remove(id);
        }

        if (type is not (PacketType.SubAck or PacketType.UnsubAck))
            _quota.Release();
        waiting.Codes = codes.ToArray();
        waiting.Answer.TrySetResult(type == PacketType.PubComp && reason == ReasonCode.Success ? waiting.Reason : reason);
    }

    private void Answer(PacketType type, ushort id, ReasonCode reason = ReasonCode.Success)
    {
        var packet = new AckPacket { Type = type, PacketId = id, Reason = reason };
        int length = packet.Measure(Version);
        packet.Write(_answers.GetSpan(length)[..length], Version);
        _answers.Advance(length);
    }

    private CommandFailure Dismissed(in Frame frame)
    {
        if (!DisconnectPacket.TryParse(frame, Version, out var packet, out var violation))
            return Broken(violation);
        string why = ReasonText.Describe(packet.Reason);
        if (!packet.ReasonString.IsEmpty)
            why += $": {Escaped.Text(packet.ReasonString)}";
        return new CommandFailure(ReasonText.IsRefusal(packet.Reason) ? ExitCode.Refused : ExitCode.Failed, $"{_target} ended the connection: {why}");
    }

    /// <summary>What the server sent is not MQTT.</summary>
    private CommandFailure Broken(Violation violation) =>
        new(ExitCode.Failed, $"{_target} broke the protocol: {violation.Detail} (0x{(byte)violation.Reason:X2})");
}
