using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Tests;

/// <summary>
/// The whole core on one thread, from the publisher's bytes to the subscribers' bytes: no socket, no clock, and nothing of its own that
/// allocates per message. For gates on allocations and for microbenchmarks.
/// </summary>
internal sealed class LoopbackBroker
{
    private readonly MessageBroker _core;
    private readonly Turn _turn;
    private readonly List<LoopbackClient> _clients = [];

    public LoopbackBroker()
    {
        const long Now = 1_800_000_000_000;
        _core = new MessageBroker(new BrokerOptions { SysIntervalSeconds = 0 }, new BrokerPorts { NewClientId = static () => "unnamed" }, Now);
        _turn = new Turn(_core);
        _turn.Begin(Now);
    }

    public LoopbackClient Connect(string clientId, ProtocolVersion version = ProtocolVersion.Mqtt50)
    {
        var client = new LoopbackClient(this, clientId, version);
        _clients.Add(client);
        return client;
    }

    public Connection Accept(Link link)
    {
        Connection connection = _core.Accept(link, _turn);
        _turn.End();
        return connection;
    }

    public void Receive(Connection connection, ReadOnlySpan<byte> packets)
    {
        _turn.Begin(_turn.Now);
        ReceiveStatus status = connection.Receive(packets, _turn, out int consumed, out _);
        _turn.End();
        if (status != ReceiveStatus.NeedMore || consumed != packets.Length)
            throw new InvalidOperationException($"the broker took {consumed} of {packets.Length} bytes: {status}");
    }

    /// <summary>Lets every client answer until nobody has anything left to say.</summary>
    public void Settle()
    {
        bool any;
        do
        {
            any = false;
            foreach (LoopbackClient client in _clients)
                any |= client.Settle();
        }
        while (any);
    }
}
