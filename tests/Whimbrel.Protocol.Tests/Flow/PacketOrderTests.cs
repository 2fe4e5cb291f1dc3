using Whimbrel.Protocol.Flow;
using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

/// <summary>Which packet of a client is legal when: the whole table.</summary>
public class PacketOrderTests
{
    private static readonly PacketType[] FromServersOnly = [PacketType.ConnAck, PacketType.SubAck, PacketType.UnsubAck, PacketType.PingResp];

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [InlineData(ProtocolVersion.Mqtt50)]
    [Clause("MQTT-3.1.0-1")]
    [Clause311("MQTT-3.1.0-1")]
    public void CONNECT_and_nothing_else_comes_first(ProtocolVersion version)
    {
        foreach (PacketType type in Enum.GetValues<PacketType>())
            Assert.Equal(type == PacketType.Connect, IsLegal(ConnectionPhase.AwaitingConnect, type, version));
    }

    [Fact]
    [Clause("MQTT-3.1.2-30")]
    public void While_authenticating_only_AUTH_and_DISCONNECT_are_legal()
    {
        foreach (PacketType type in Enum.GetValues<PacketType>())
            Assert.Equal(type is PacketType.Auth or PacketType.Disconnect, IsLegal(ConnectionPhase.Authenticating, type, ProtocolVersion.Mqtt50));
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [InlineData(ProtocolVersion.Mqtt50)]
    [Clause("MQTT-3.1.0-2")]
    [Clause311("MQTT-3.1.0-2")]
    public void Once_connected_a_second_CONNECT_and_what_only_servers_send_are_illegal(ProtocolVersion version)
    {
        foreach (PacketType type in Enum.GetValues<PacketType>())
        {
            bool legal = type != PacketType.Connect && !FromServersOnly.Contains(type) && (type != PacketType.Auth || version == ProtocolVersion.Mqtt50);
            Assert.Equal(legal, IsLegal(ConnectionPhase.Connected, type, version));
        }
    }

    private static bool IsLegal(ConnectionPhase phase, PacketType type, ProtocolVersion version) =>
        PacketOrder.CheckFromClient(phase, type, version).IsNone;
}
