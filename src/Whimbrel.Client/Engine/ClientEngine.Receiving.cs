using Whimbrel.Protocol;
using Whimbrel.Protocol.Flow;

namespace Whimbrel.Client.Engine;

/// <summary>What became of a piece of the received bytes.</summary>
internal enum ReceiveOutcome
{
    /// <summary>Every whole packet was taken; more bytes are needed.</summary>
    NeedMore,

    /// <summary>More packets lie there: call again. In between others get their turn at the gate.</summary>
    More,

    /// <summary>The next packet goes to raw subscribers: see <see cref="ClientEngine.DeliverRaw"/>, then call again.</summary>
    Raw,

    /// <summary>The link is to be closed: the server said something that MQTT forbids, or farewell.</summary>
    Close,
}

/// <summary>The way in.</summary>
internal sealed partial class ClientEngine
{
    /// <summary>Packets that are taken under one hold of the gate.</summary>
    private const int BatchMax = 64;

    private readonly ReceivedPacketIds _received = new();
    private readonly TopicStrings _topics = new();
    private InboundTopicAliases _inboundAliases = new(0);
    private ISubscriber[] _rawTargets = [];
    private string _rawTopic = "";
    private int _rawStart;
    private long _lastReceived;
    private bool _isClosing;

    /// <summary>What was wrong with the last bytes, if they were.</summary>
    public Violation Fault { get; private set; }

    /// <summary>Takes packets from the beginning of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What has come and was not consumed.</param>
    /// <param name="now">The time.</param>
    /// <param name="consumed">Bytes that are done with.</param>
    /// <param name="wanted">The size of the packet that is not whole yet, 0 if unknown.</param>
    public ReceiveOutcome Receive(ReadOnlySpan<byte> bytes, long now, out int consumed, out int wanted)
    {
        consumed = 0;
        wanted = 0;
        _lastReceived = now;
        for (int count = 0; count < BatchMax; count++)
        {
            FrameStatus status = FrameReader.TryRead(bytes[consumed..], (uint)_connect.PacketBytesMax, out Frame frame, out int length, out Violation violation);
            if (!IsConnected && !MayAnswerConnect(status, bytes[consumed..]))
                return Broken(new Violation(ReasonCode.ProtocolError, Stranger(bytes[consumed..])));
            if (status == FrameStatus.NeedMore)
            {
                wanted = length;
                return ReceiveOutcome.NeedMore;
            }

            if (status == FrameStatus.Malformed)
                return Broken(violation);
            consumed += length;
            if (!OnFrame(frame, now, out violation))
                return Broken(violation);
            if (_isClosing)
                return Closing();
            _rawStart = consumed - length;
            if (_rawTargets.Length > 0)
                return ReceiveOutcome.Raw;
        }

        return ReceiveOutcome.More;
    }

    /// <summary>Gives the last packet of the bytes that <see cref="Receive"/> took to those who want it raw. Outside the gate.</summary>
    public void DeliverRaw(ReadOnlySpan<byte> bytes)
    {
        ISubscriber[] targets = _rawTargets;
        _rawTargets = [];
        _ = FrameReader.TryRead(bytes[_rawStart..], uint.MaxValue, out Frame frame, out _, out _);
        if (!PublishPacket.TryParse(frame, Version, out PublishPacket packet, out _))
            return;
        foreach (ISubscriber target in targets)
        {
            if (target.IsRaw)
                target.Raw(packet, _rawTopic);
        }
    }

    /// <summary>Whether what comes before the connection stands is what a server says then.</summary>
    private static bool MayAnswerConnect(FrameStatus status, ReadOnlySpan<byte> bytes) =>
        bytes.IsEmpty || (status != FrameStatus.Malformed && (PacketType)(bytes[0] >> 4) is PacketType.ConnAck or PacketType.Auth or PacketType.Disconnect);

    /// <summary>What else than MQTT begins like this.</summary>
    private static string Stranger(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((byte[])[0x15, 0x03]) ? "it speaks TLS there: use mqtts://"
        : bytes.StartsWith("HTTP/"u8) ? "it speaks HTTP there; is that a web or WebSocket port?"
        : bytes.StartsWith("SSH-"u8) ? "it speaks SSH there"
        : "the answer is not MQTT";

    private ReceiveOutcome Broken(Violation violation)
    {
        Fault = violation;
        if (IsConnected && Version == ProtocolVersion.Mqtt50)
            Output.Write(new DisconnectPacket { Reason = violation.Reason }, Version);
        return ReceiveOutcome.Close;
    }

    private ReceiveOutcome Closing()
    {
        _isClosing = false;
        return ReceiveOutcome.Close;
    }

    private bool OnFrame(in Frame frame, long now, out Violation violation)
    {
        switch (frame.Type)
        {
            case PacketType.Publish:
                return OnPublish(frame, out violation);
            case PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp:
                return OnAck(frame, now, out violation);
            case PacketType.SubAck:
                return OnSubAck(frame, out violation);
            case PacketType.UnsubAck:
                return OnUnsubAck(frame, out violation);
            case PacketType.PingResp:
                _pingSent = -1;
                _pingedSinceSent = true;
                _host.Pong();
                if (_isProbing)
                {
                    _isProbing = false;
                    Pump(now);
                }

                violation = default;
                return true;
            case PacketType.ConnAck:
                return OnConnAck(frame, now, out violation);
            case PacketType.Auth when Version == ProtocolVersion.Mqtt50:
                if (!AuthPacket.TryParse(frame, Version, out AuthPacket auth, out violation))
                    return false;
                _host.AuthenticationAsked(auth.Reason, auth.AuthenticationData.ToArray());
                return true;
            case PacketType.Disconnect when Version == ProtocolVersion.Mqtt50:
                if (!DisconnectPacket.TryParse(frame, Version, out DisconnectPacket farewell, out violation))
                    return false;
                _isClosing = true;
                _host.Dismissed(farewell.Reason, MessageProperties.Text(farewell.ReasonString), MessageProperties.Text(farewell.ServerReference));
                return true;
            default:
                violation = new Violation(ReasonCode.ProtocolError, "a packet that only clients send");
                return false;
        }
    }

    private bool OnPublish(in Frame frame, out Violation violation)
    {
        if (!PublishPacket.TryParse(frame, Version, out PublishPacket packet, out violation)
            || !_inboundAliases.TryResolve(packet.Topic, packet.TopicAlias, out ReadOnlySpan<byte> topic, out violation))
            return false;
        ref TopicStrings.Entry known = ref _topics.Get(topic);
        if (packet.QoS != QoS.AtMostOnce)
            return OnReliable(frame, packet, ref known, out violation);
        if (!Deliver(packet, ref known, 0, out _))
            _host.Notice(EngineNotice.NobodyWants, known.Text);
        return true;
    }

    /// <summary>Hands a message to those who want it. False: nobody has subscribed to it.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="topic">Its topic with whom it goes to, if that is known already.</param>
    /// <param name="token">What an acknowledgement names, or 0.</param>
    /// <param name="owing">How many will acknowledge.</param>
    private bool Deliver(in PublishPacket packet, ref TopicStrings.Entry topic, long token, out int owing)
    {
        owing = 0;
        ISubscriber[]? targets = packet.SubscriptionIdCount > 0 ? Identified(packet) : null;
        targets ??= packet.Retain ? Retained(topic.Bytes) : Live(ref topic);
        if (targets is null && _takers.Length > 0)
            targets = _takers;
        if (targets is null)
            return false;
        Offer(targets, packet, topic.Text, token, ref owing);
        return true;
    }

    /// <summary>Those whose filters match the topic, remembered with it; null if there are none.</summary>
    private ISubscriber[]? Live(ref TopicStrings.Entry topic)
    {
        if (topic.Targets is null || topic.TableVersion != _tableVersion)
        {
            topic.Targets = Match(topic.Bytes);
            topic.TableVersion = _tableVersion;
        }

        return topic.Targets.Length > 0 ? topic.Targets : null;
    }

    /// <summary>Those whose subscriptions the server says that the message is for; null if it does not say, or names none of ours.</summary>
    private ISubscriber[]? Identified(in PublishPacket packet)
    {
        ISubscriber[]? first = null;
        List<ISubscriber>? all = null;
        foreach (uint identifier in packet.SubscriptionIds)
        {
            if (!_byIdentifier.TryGetValue(identifier, out BrokerSubscription? subscription))
                continue;
            ISubscriber[] targets = Targets(subscription, packet.Retain);
            if (first is null)
            {
                first = targets;
                continue;
            }

            if (all is null)
                Gather(ref all, first);
            Gather(ref all, targets);
        }

        return all is null ? first : [.. all];
    }

    /// <summary>Those whom a retained message may be for, perhaps nobody any more; null if no filter matches.</summary>
    private ISubscriber[]? Retained(byte[] topic)
    {
        List<ISubscriber>? found = null;
        foreach (BrokerSubscription subscription in _subscriptions.Values)
        {
            if (TopicFilter.Matches(subscription.Pattern, topic))
                Gather(ref found, Targets(subscription, isRetained: true));
        }

        return found is null ? null : [.. found];
    }

    /// <summary>A retained message answers the last SUBSCRIBE, unless the flag is as the publisher set it.</summary>
    private static ISubscriber[] Targets(BrokerSubscription subscription, bool isRetained) =>
        isRetained && !subscription.Options.RetainAsPublished ? subscription.Newcomers : subscription.Subscribers;

    private void Offer(ISubscriber[] targets, in PublishPacket packet, string topic, long token, ref int owing)
    {
        foreach (ISubscriber target in targets)
        {
            if (target.IsRaw)
            {
                _rawTargets = _rawTargets.Length == 0 || ReferenceEquals(_rawTargets, targets) ? targets : [.. _rawTargets, target];
                _rawTopic = topic;
                continue;
            }

            owing += token == 0 ? 0 : 1;
            target.Offer(packet, topic, token);
        }
    }
}
