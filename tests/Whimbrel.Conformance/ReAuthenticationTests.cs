using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>Re-authentication (4.12.1).</summary>
public class ReAuthenticationTests
{
    private readonly RiddleMethod _method = new();
    private readonly TestBroker _broker;

    public ReAuthenticationTests() => _broker = new TestBroker(null, null, null, _method);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Clause("MQTT-4.12.0-5")]
    public void A_client_may_authenticate_again_and_is_told_so_with_AUTH_0(bool defers)
    {
        TestClient client = Established();
        _method.Defers = defers;
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        Assert.Equal((ReasonCode.ContinueAuthentication, "riddle"), Answer(client));
        Authenticate(client, ReasonCode.ContinueAuthentication, "answer");
        Assert.Equal((ReasonCode.ContinueAuthentication, "again"), Answer(client));
        Authenticate(client, ReasonCode.ContinueAuthentication, "sure");
        Assert.Equal((ReasonCode.Success, "welcome"), Answer(client));
        client.AssertNothing();
        Assert.Equal(2, _method.Begun);
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void Traffic_goes_on_meanwhile()
    {
        TestClient client = Established();
        client.Subscribe("t", QoS.AtMostOnce);
        _method.Defers = true;
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        client.Publish("t", "x");
        Assert.Equal("x", client.Next(PacketType.Publish).Payload);
        Assert.Equal((ReasonCode.ContinueAuthentication, "riddle"), Answer(client));
        client.Publish("t", "y");
        Assert.Equal("y", client.Next(PacketType.Publish).Payload);
    }

    [Theory]
    [InlineData(ReasonCode.NotAuthorized, ReasonCode.NotAuthorized)]
    [InlineData(ReasonCode.ServerBusy, ReasonCode.ServerBusy)]
    [InlineData(ReasonCode.BadUserNameOrPassword, ReasonCode.NotAuthorized)]
    [InlineData(ReasonCode.Success, ReasonCode.NotAuthorized)]
    [Clause("MQTT-4.12.1-2")]
    [Clause("MQTT-3.14.2-1")]
    public void Who_fails_is_disconnected_with_a_reason_that_DISCONNECT_has(ReasonCode refusal, ReasonCode said)
    {
        TestClient client = Established();
        TestClient watcher = _broker.Open();
        watcher.Connect("watcher");
        watcher.Subscribe("w");
        _method.Refusal = refusal;
        Authenticate(client, ReasonCode.ReAuthenticate, "wrong");
        client.AssertClosed(said);
        Assert.Equal("w", watcher.Next(PacketType.Publish).Topic);
    }

    [Fact]
    [Clause("MQTT-4.12.1-1")]
    public void Another_method_than_the_first_is_a_protocol_error()
    {
        TestClient client = Established();
        client.Send(new AuthPacket { Reason = ReasonCode.ReAuthenticate, HasAuthenticationMethod = true, AuthenticationMethod = "OTHER"u8 });
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    public void AUTH_without_a_method_is_a_protocol_error()
    {
        TestClient client = Established();
        client.SendBytes(0xF0, 0x02, 0x19, 0x00);
        client.AssertClosed(ReasonCode.ProtocolError);
        client = Established();
        client.SendBytes(0xF0, 0x00);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(ReasonCode.ContinueAuthentication)]
    [InlineData(ReasonCode.Success)]
    public void Nothing_can_be_continued_that_was_not_begun(ReasonCode reason)
    {
        TestClient client = Established();
        Authenticate(client, reason, "hello");
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    public void A_second_beginning_before_the_end_is_a_protocol_error()
    {
        TestClient client = Established();
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        client.Next(PacketType.Auth);
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    public void AUTH_while_the_broker_s_answer_is_due_is_a_protocol_error()
    {
        TestClient client = Established();
        _method.Defers = true;
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        Authenticate(client, ReasonCode.ContinueAuthentication, "answer");
        client.AssertClosed(ReasonCode.ProtocolError);
        Assert.Single(_method.Due);
    }

    [Fact]
    public void AUTH_is_a_sign_of_life()
    {
        TestClient client = Established(keepAlive: 10);
        string[] says = ["hello", "answer", "sure"];
        for (int i = 0; i < 6; i++)
        {
            _broker.Advance(14.5);
            Authenticate(client, i % 3 == 0 ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication, says[i % 3]);
            client.Next(PacketType.Auth);
        }

        Assert.False(client.IsClosed);
    }

    [Fact]
    public void An_answer_after_the_connection_was_lost_changes_nothing()
    {
        TestClient client = Established();
        _method.Defers = true;
        Authenticate(client, ReasonCode.ReAuthenticate, "wrong");
        client.Cut();
        int before = client.Link.Arrived.Count;
        _method.Answer(_broker);
        Assert.Equal(before, client.Link.Arrived.Count);
        Assert.True(_broker.Core.IsIdle);
    }

    [Fact]
    public void An_AUTH_that_the_client_could_not_take_ends_the_connection()
    {
        TestClient client = Established(keepAlive: 0, maximumPacketSize: 50);
        _method.Defers = true;
        Authenticate(client, ReasonCode.ReAuthenticate, "hello");
        _method.Due.Dequeue().To.Answer(AuthenticationStep.Continue(new byte[100]));
        _broker.Do(_ => { });
        client.AssertClosed(ReasonCode.PacketTooLarge);
    }

    private static void Authenticate(TestClient client, ReasonCode reason, string data) => client.Send(new AuthPacket
    {
        Reason = reason,
        HasAuthenticationMethod = true,
        AuthenticationMethod = "RIDDLE"u8,
        HasAuthenticationData = true,
        AuthenticationData = Encoding.UTF8.GetBytes(data),
    });

    private (ReasonCode Reason, string Data) Answer(TestClient client)
    {
        if (_method.Defers)
        {
            client.AssertNothing();
            _method.Answer(_broker);
        }

        Seen seen = client.Next(PacketType.Auth);
        Assert.Equal("RIDDLE", seen.AuthenticationMethod);
        return (seen.Reason, Encoding.UTF8.GetString(seen.AuthenticationData));
    }

    private TestClient Established(ushort keepAlive = 0, uint? maximumPacketSize = null)
    {
        TestClient client = _broker.Open();
        Seen first = client.Connect(
            "client", keepAlive: keepAlive, maximumPacketSize: maximumPacketSize, will: new TestWill("w"), authenticationMethod: "RIDDLE", authenticationData: "hello"u8.ToArray());
        Assert.Equal(PacketType.Auth, first.Type);
        Authenticate(client, ReasonCode.ContinueAuthentication, "answer");
        Authenticate(client, ReasonCode.ContinueAuthentication, "sure");
        Assert.Equal(ReasonCode.Success, client.TakeFirst(seen => seen.Type == PacketType.ConnAck).Reason);
        client.Rest();
        return client;
    }
}
