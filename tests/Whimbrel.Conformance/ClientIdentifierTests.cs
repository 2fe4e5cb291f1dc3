using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>The client identifier (3.1.3.1): which are accepted, what an empty one means, and that it names the session.</summary>
public class ClientIdentifierTests
{
    private readonly TestBroker _broker = new();

    public static TheoryData<string> IdentifiersEveryBrokerTakes() =>
        ["a", "Z", "0", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW", "0123456789xyzXYZ0123456"];

    [Theory]
    [MemberData(nameof(IdentifiersEveryBrokerTakes))]
    [Clause("MQTT-3.1.3-5")]
    [Clause311("MQTT-3.1.3-5")]
    public void Identifiers_of_1_to_23_letters_and_digits_are_accepted(string clientId)
    {
        foreach (ProtocolVersion version in Enum.GetValues<ProtocolVersion>())
            Assert.Equal(ReasonCode.Success, _broker.Open().Connect(clientId, version).Reason);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.3-2")]
    [Clause311("MQTT-3.1.3-2")]
    public void The_client_identifier_alone_identifies_the_session(ProtocolVersion version)
    {
        Persistent("client", version).Subscribe("t", QoS.AtMostOnce);
        Assert.False(_broker.Open().Connect("Client", version, clean: false, expiry: Expiry(version)).SessionPresent);
        TestClient again = _broker.Open();
        Assert.Equal(version != ProtocolVersion.Mqtt31, again.Connect("client", version, clean: false, expiry: Expiry(version)).SessionPresent);
        again.Publish("t", "x");
        Assert.Equal("x", again.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt311, true)]
    [InlineData(ProtocolVersion.Mqtt50, true)]
    [InlineData(ProtocolVersion.Mqtt50, false)]
    [Clause("MQTT-3.1.3-6")]
    [Clause311("MQTT-3.1.3-6")]
    public void Each_client_without_an_identifier_is_given_one_of_its_own(ProtocolVersion version, bool clean)
    {
        TestClient first = _broker.Open();
        TestClient second = _broker.Open();
        Assert.Equal(ReasonCode.Success, first.Connect("", version, clean).Reason);
        Assert.Equal(ReasonCode.Success, second.Connect("", version, clean).Reason);
        Assert.Equal(2, _broker.Core.DescribeClients().Select(client => client.ClientId).Distinct().Count());
        Assert.False(first.IsClosed);
    }

    [Fact]
    [Clause("MQTT-3.1.3-7")]
    public void The_assigned_identifier_is_in_CONNACK_and_names_the_session()
    {
        TestClient client = _broker.Open();
        string assigned = client.Connect("", expiry: 100).AssignedClientId;
        Assert.NotEmpty(assigned);
        client.Cut();
        Assert.True(_broker.Open().Connect(assigned, clean: false, expiry: 100).SessionPresent);
    }

    [Fact]
    [Clause("MQTT-3.2.2-16")]
    public void An_assigned_identifier_is_not_in_use_even_if_somebody_chose_it_before()
    {
        TestClient named = _broker.Open();
        named.Connect("assigned-1");
        string assigned = _broker.Open().Connect("").AssignedClientId;
        Assert.NotEqual("assigned-1", assigned);
        Assert.NotEmpty(assigned);
        Assert.False(named.IsClosed, "the anonymous client took a session over");
    }

    [Fact]
    [Clause311("MQTT-3.1.3-7")]
    [Clause311("MQTT-3.1.3-8")]
    public void Before_5_0_an_empty_identifier_without_clean_session_is_rejected()
    {
        TestClient client = _broker.Open();
        Assert.Equal(ConnectReturnCode.IdentifierRejected, client.Connect("", ProtocolVersion.Mqtt311, clean: false).ReturnCode);
        Assert.True(client.IsClosed);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    [Fact]
    public void In_3_1_an_empty_identifier_is_rejected_even_with_clean_session()
    {
        TestClient client = _broker.Open();
        Assert.Equal(ConnectReturnCode.IdentifierRejected, client.Connect("", ProtocolVersion.Mqtt31).ReturnCode);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.3-8")]
    [Clause311("MQTT-3.1.3-9")]
    public void An_identifier_that_the_broker_does_not_accept_is_answered_and_closed(ProtocolVersion version)
    {
        var broker = new TestBroker(new BrokerOptions { SysIntervalSeconds = 0, ClientIdLengthMax = 30 });
        TestClient client = broker.Open();
        Seen answer = client.Connect(new string('x', 31), version);
        Assert.Equal(ReasonCode.ClientIdentifierNotValid, answer.Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(ReasonCode.Success, broker.Open().Connect(new string('x', 30), version).Reason);
    }

    private static uint? Expiry(ProtocolVersion version) => version == ProtocolVersion.Mqtt50 ? 1000 : null;

    private TestClient Persistent(string name, ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect(name, version, clean: false, expiry: Expiry(version));
        return client;
    }
}
