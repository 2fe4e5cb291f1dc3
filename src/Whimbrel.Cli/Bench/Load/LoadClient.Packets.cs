using System.Text;
using Whimbrel.Protocol;

namespace Whimbrel.Cli.Bench.Load;

/// <summary>The packets of one connection: what is sent, and what is done with what has arrived.</summary>
internal sealed partial class LoadClient
{
    private readonly Queue<int> _requests = new(0);
    private ushort _lastRequest;

    /// <summary>Ticks of <see cref="System.Diagnostics.Stopwatch"/> at which the last connection was begun.</summary>
    public long StartedAt { get; private set; }

    public bool CleanStart { get; set; } = true;

    /// <summary>What the broker said of the session.</summary>
    public bool SessionPresent { get; private set; }

    /// <summary>QoS 1 and 2 messages that the broker takes before it has acknowledged any.</summary>
    public int ReceiveMaximum { get; private set; } = ushort.MaxValue;

    /// <summary>Publishes through this connection, if any does.</summary>
    public Publisher? Publisher { get; set; }

    /// <summary>Takes what this connection is subscribed to.</summary>
    public IReceiver? Receiver { get; set; }

    /// <summary>CONNACK has come, with success.</summary>
    public Action<LoadClient>? Answered { get; set; }

    /// <summary>SUBACK has come.</summary>
    public Action<LoadClient>? Granted { get; set; }

    /// <summary>The connection ended, and not by us: in this phase.</summary>
    public Action<LoadClient, ClientPhase>? Ended { get; set; }

    /// <summary>Filters that were asked for, to subscribe or to unsubscribe, and not answered yet.</summary>
    public int Unanswered { get; private set; }

    /// <summary>Filters that the broker refused.</summary>
    public int RefusedFilters { get; private set; }

    /// <summary>The code of a CONNACK that refused.</summary>
    public ReasonCode Refusal { get; private set; }

    public void Subscribe(ReadOnlySpan<byte> encodedFilters, int count)
    {
        Unanswered += count;
        _requests.Enqueue(count);
        Write(new SubscribePacket { PacketId = NextRequest(), EncodedFilters = encodedFilters });
    }

    public void Unsubscribe(ReadOnlySpan<byte> encodedFilters, int count)
    {
        Unanswered += count;
        _requests.Enqueue(count);
        Write(new UnsubscribePacket { PacketId = NextRequest(), EncodedFilters = encodedFilters });
    }

    public void Write<TPacket>(in TPacket packet)
        where TPacket : IPacket, allows ref struct
    {
        var room = Reserve(packet.Measure(_target.Version));
        Commit(packet.Write(room, _target.Version));
    }

    private void WriteConnect()
    {
        byte[]? password = _target.Password;
        Write(new ConnectPacket
        {
            Version = _target.Version,
            ClientId = Encoding.UTF8.GetBytes(Id),
            CleanStart = CleanStart,
            SessionExpirySeconds = CleanStart || _target.Version != ProtocolVersion.Mqtt50 ? null : LoadTarget.SessionExpirySeconds,
            HasUserName = _target.UserName is not null,
            UserName = _target.UserName,
            HasPassword = password is not null,
            Password = password,
        });
    }

    /// <summary>Handles all whole packets; returns how many bytes they had, and how many the next has, if known.</summary>
    private int Handle(ReadOnlySpan<byte> bytes, out int needed)
    {
        int consumed = 0;
        needed = 0;
        while (_fd >= 0)
        {
            var status = FrameReader.TryRead(bytes[consumed..], uint.MaxValue, out var frame, out needed, out var violation);
            if (status == FrameStatus.NeedMore)
                break;
            if (status == FrameStatus.Malformed)
            {
                End($"the broker sent what is not MQTT: {violation.Detail}");
                break;
            }

            consumed += needed;
            try
            {
                HandleFrame(frame);
            }
            catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException)
            {
                End("the broker sent a packet that is cut off");
            }
        }

        Publisher?.Refill();
        return consumed;
    }

    private void HandleFrame(in Frame frame)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                HandlePublish(frame);
                break;
            case PacketType.PubAck or PacketType.PubComp:
                Publisher?.Acknowledged(ReadUInt16(frame.Body), frame.Body.Length > 2 && frame.Body[2] >= 0x80);
                break;
            case PacketType.PubRec:
                HandlePubRec(frame);
                break;
            case PacketType.PubRel:
                WriteAck(PacketType.PubComp, 0, ReadUInt16(frame.Body));
                break;
            case PacketType.ConnAck:
                HandleConnAck(frame);
                break;
            case PacketType.SubAck:
                HandleSubAck(frame);
                break;
            case PacketType.UnsubAck:
                // 3.x does not say for how many.
                if (_requests.TryDequeue(out int count))
                    Unanswered -= count;
                break;
            case PacketType.Disconnect:
                End(DisconnectPacket.TryParse(frame, _target.Version, out var packet, out _)
                    ? $"the broker disconnected: {Name(packet.Reason)}"
                    : "the broker disconnected");
                break;
        }
    }

    /// <summary>Finds the payload by hand: whether topic and properties are acceptable is not what is measured here.</summary>
    private void HandlePublish(in Frame frame)
    {
        var body = frame.Body;
        int at = 2 + ReadUInt16(body);
        int qos = (frame.Flags >> 1) & 3;
        if (qos > 0)
        {
            WriteAck(qos == 1 ? PacketType.PubAck : PacketType.PubRec, 0, ReadUInt16(body[at..]));
            at += 2;
        }

        if (_target.Version == ProtocolVersion.Mqtt50)
        {
            int properties = body[at++];
            if (properties >= 0x80)
            {
                var reader = new PacketReader(body[(at - 1)..]);
                reader.TryReadVariableByteInteger(out uint length);
                at = body.Length - reader.Remaining;
                properties = (int)length;
            }

            at += properties;
        }

        Receiver?.Received(body[at..], frame.Length);
    }

    private void HandlePubRec(in Frame frame)
    {
        ushort id = ReadUInt16(frame.Body);
        if (frame.Body.Length > 2 && frame.Body[2] >= 0x80)
            Publisher?.Acknowledged(id, isRefused: true);
        else
            WriteAck(PacketType.PubRel, 2, id);
    }

    private void WriteAck(PacketType type, int flags, ushort id)
    {
        var room = Reserve(4);
        room[3] = (byte)id;
        room[2] = (byte)(id >> 8);
        room[1] = 2;
        room[0] = (byte)(((int)type << 4) | flags);
        Commit(4);
    }

    private void HandleConnAck(in Frame frame)
    {
        if (!ConnAckPacket.TryParse(frame, _target.Version, out var answer, out var violation))
        {
            End($"the broker sent a malformed CONNACK: {violation.Detail}");
            return;
        }

        if (answer.Reason != ReasonCode.Success)
        {
            Refusal = answer.Reason;
            End($"the broker refused the connection: {Name(answer.Reason)}");
            return;
        }

        SessionPresent = answer.SessionPresent;
        ReceiveMaximum = answer.ReceiveMaximum ?? ushort.MaxValue;
        Phase = ClientPhase.Connected;
        Answered?.Invoke(this);
    }

    private void HandleSubAck(in Frame frame)
    {
        if (!SubAckPacket.TryParse(frame, _target.Version, out var answer, out var violation))
        {
            End($"the broker sent a malformed SUBACK: {violation.Detail}");
            return;
        }

        if (_requests.TryDequeue(out int count))
            Unanswered -= count;
        foreach (byte code in answer.ReasonCodes)
        {
            if (code >= 0x80)
                RefusedFilters++;
        }

        Granted?.Invoke(this);
    }

    private ushort NextRequest()
    {
        _lastRequest = _lastRequest == ushort.MaxValue ? (ushort)1 : (ushort)(_lastRequest + 1);
        return _lastRequest;
    }
}
