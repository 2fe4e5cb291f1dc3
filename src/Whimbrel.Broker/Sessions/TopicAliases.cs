using Whimbrel.Protocol.Flow;

namespace Whimbrel.Broker;

/// <summary>The topic aliases of one connection, both ways; made when the first is used.</summary>
internal sealed class TopicAliases
{
    private InboundTopicAliases? _inbound;
    private OutboundTopicAliases? _outbound;

    public InboundTopicAliases Inbound(ushort maximum) => _inbound ??= new InboundTopicAliases(maximum);

    public OutboundTopicAliases Outbound(ushort maximum) => _outbound ??= new OutboundTopicAliases(maximum);
}
