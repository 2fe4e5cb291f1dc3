using System.Text;
using Whimbrel.Broker;
using Whimbrel.Protocol;

namespace Whimbrel.Conformance;

/// <summary>User name and password, enhanced authentication (4.12) and AUTH (3.15). Re-authentication has a file of its own.</summary>
public class AuthenticationTests
{
    private readonly RiddleMethod _method = new();
    private readonly TestBroker _broker;

    public AuthenticationTests() => _broker = new TestBroker(null, null, null, _method);

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-2")]
    public void User_name_and_password_are_checked(ProtocolVersion version)
    {
        TestBroker broker = WithPassword("alice", "secret");
        Assert.Equal(ReasonCode.Success, broker.Open().Connect("a", version, userName: "alice", password: "secret").Reason);
        foreach ((string? name, string? password) in new[] { ("alice", "wrong"), ("bob", "secret"), (null, null), ("alice", null) })
        {
            TestClient client = broker.Open();
            Assert.Equal(ReasonCode.BadUserNameOrPassword, client.Connect("b", version, userName: name, password: password).Reason);
            Assert.True(client.IsClosed);
            Assert.Null(client.TryNext());
        }

        Assert.Equal(1, broker.Core.SessionCount);
    }

    [Fact]
    public void In_5_0_a_password_may_come_without_a_user_name()
    {
        var authenticator = new AskedAuthenticator(_ => AuthenticationStep.Success());
        var broker = new TestBroker(authenticator: authenticator);
        Assert.Equal(ReasonCode.Success, broker.Open().Connect("a", password: "token").Reason);
        Assert.Null(authenticator.Asked[0].UserName);
        Assert.Equal("token"u8.ToArray(), authenticator.Asked[0].Password);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.2.0-1")]
    [Clause311("MQTT-3.2.0-1")]
    public void Until_an_answer_that_takes_time_has_come_nothing_is_said_and_everything_waits(ProtocolVersion version)
    {
        var authenticator = new AskedAuthenticator(_ => AuthenticationStep.Pending);
        var broker = new TestBroker(authenticator: authenticator);
        TestClient client = new RawConnect(version).SendOn(broker.Open());
        client.SendBytes(0xC0, 0x00);
        client.AssertNothing();
        Assert.Equal(0, broker.Core.SessionCount);
        authenticator.Answer(broker, AuthenticationStep.Success());
        Assert.Equal(ReasonCode.Success, client.Next(PacketType.ConnAck).Reason);
        client.Next(PacketType.PingResp);
    }

    [Theory]
    [ClassData(typeof(EveryVersion))]
    [Clause("MQTT-3.1.4-6")]
    [Clause311("MQTT-3.1.4-5")]
    public void A_refusal_that_takes_time_drops_what_waits(ProtocolVersion version)
    {
        var authenticator = new AskedAuthenticator(_ => AuthenticationStep.Pending);
        var broker = new TestBroker(authenticator: authenticator);
        TestClient client = new RawConnect(version).SendOn(broker.Open());
        client.SendBytes(0xC0, 0x00);
        authenticator.Answer(broker, AuthenticationStep.Refuse(ReasonCode.BadUserNameOrPassword));
        Assert.Equal(ReasonCode.BadUserNameOrPassword, client.Next(PacketType.ConnAck).Reason);
        client.AssertNothing();
        Assert.True(client.IsClosed);
    }

    [Fact]
    public void An_answer_after_the_connection_was_lost_changes_nothing()
    {
        var authenticator = new AskedAuthenticator(_ => AuthenticationStep.Pending);
        var broker = new TestBroker(authenticator: authenticator);
        TestClient client = new RawConnect(ProtocolVersion.Mqtt50).SendOn(broker.Open());
        client.Cut();
        authenticator.Answer(broker, AuthenticationStep.Success());
        Assert.Equal(0, broker.Core.SessionCount);
        Assert.Empty(client.Link.Arrived);
        Assert.True(broker.Core.IsIdle);
    }

    [Fact]
    public void A_takeover_waits_until_the_newcomer_is_known()
    {
        var authenticator = new AskedAuthenticator(request => request.UserName == "later" ? AuthenticationStep.Pending : AuthenticationStep.Success());
        var broker = new TestBroker(authenticator: authenticator);
        TestClient first = broker.Open();
        first.Connect("client");
        TestClient second = (new RawConnect(ProtocolVersion.Mqtt50) { Flags = 0x82, Fields = [RawConnect.Text("client"), RawConnect.Text("later")] }).SendOn(broker.Open());
        Assert.False(first.IsClosed);
        authenticator.Answer(broker, AuthenticationStep.Success());
        first.AssertClosed(ReasonCode.SessionTakenOver);
        second.Next(PacketType.ConnAck);
    }

    [Fact]
    public void The_connect_timeout_covers_answers_that_never_come()
    {
        var broker = new TestBroker(authenticator: new AskedAuthenticator(_ => AuthenticationStep.Pending));
        TestClient client = new RawConnect(ProtocolVersion.Mqtt50).SendOn(broker.Open());
        broker.Advance(10.2);
        Assert.True(client.IsClosed);
        Assert.Empty(client.Link.Arrived);
    }

    [Fact]
    [Clause("MQTT-4.12.0-1")]
    public void An_unknown_method_is_refused()
    {
        TestClient client = _broker.Open();
        Assert.Equal(ReasonCode.BadAuthenticationMethod, client.Connect("client", authenticationMethod: "riddle").Reason);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Clause("MQTT-4.12.0-2")]
    [Clause("MQTT-4.12.0-3")]
    [Clause("MQTT-4.12.0-5")]
    [Clause("MQTT-3.15.2-1")]
    public void Two_rounds_lead_to_a_CONNACK_with_method_and_data(bool defers)
    {
        _method.Defers = defers;
        TestClient client = Begin("hello");
        Answer();
        AssertAuth(client.Next(), ReasonCode.ContinueAuthentication, "riddle");
        Continue(client, "answer");
        Answer();
        AssertAuth(client.Next(), ReasonCode.ContinueAuthentication, "again");
        Continue(client, "sure");
        Answer();
        AssertAuth(client.Next(PacketType.ConnAck), ReasonCode.Success, "welcome");
        client.AssertNothing();
        client.SendBytes(0xC0, 0x00);
        client.Next(PacketType.PingResp);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Clause("MQTT-4.12.0-4")]
    public void Any_round_may_refuse(int round)
    {
        _method.Refusal = ReasonCode.BadUserNameOrPassword;
        string[] says = ["hello", "answer", "sure"];
        says[round] = "wrong";
        TestClient client = Begin(says[0]);
        for (int i = 1; i <= round; i++)
        {
            client.Next(PacketType.Auth);
            Continue(client, says[i]);
        }

        Assert.Equal(ReasonCode.BadUserNameOrPassword, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    [Fact]
    [Clause("MQTT-3.1.2-30")]
    public void Before_CONNACK_only_AUTH_and_DISCONNECT_are_taken()
    {
        byte[][] others = [[0xC0, 0x00], [0x30, 0x05, 0x00, 0x01, (byte)'t', 0x00, 0x01], [0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, (byte)'t', 0x00], new RawConnect(ProtocolVersion.Mqtt50).ToBytes()];
        foreach (byte[] other in others)
        {
            TestClient client = Begin("hello");
            client.Next(PacketType.Auth);
            client.SendBytes(other);
            Assert.True(client.IsClosed);
            client.AssertNothing();
        }

        TestClient leaving = Begin("hello");
        leaving.Next(PacketType.Auth);
        leaving.SendBytes(0xE0, 0x00);
        Assert.True(leaving.IsClosed);
        Assert.Equal(CloseReason.ClientDisconnected, _broker.Events.Last(e => e.Kind == BrokerEventKind.Closed).CloseReason);
    }

    [Fact]
    [Clause("MQTT-4.12.0-5")]
    public void AUTH_with_another_method_ends_the_connection()
    {
        TestClient client = Begin("hello");
        client.Next(PacketType.Auth);
        client.Send(new AuthPacket { Reason = ReasonCode.ContinueAuthentication, HasAuthenticationMethod = true, AuthenticationMethod = "OTHER"u8 });
        Assert.True(client.IsClosed);
        client.AssertNothing();
    }

    [Theory]
    [InlineData(ReasonCode.ReAuthenticate)]
    [InlineData(ReasonCode.Success)]
    [Clause("MQTT-4.12.0-3")]
    public void Before_CONNACK_a_client_can_only_continue(ReasonCode reason)
    {
        TestClient client = Begin("hello");
        client.Next(PacketType.Auth);
        SendAuth(client, reason, "answer");
        Assert.True(client.IsClosed);
        client.AssertNothing();
    }

    [Fact]
    [Clause("MQTT-4.12.0-6")]
    public void Without_a_method_CONNACK_has_none_and_no_AUTH_comes()
    {
        TestClient client = _broker.Open();
        Seen answer = client.Connect("client", userName: "name", password: "word");
        Assert.Equal("", answer.AuthenticationMethod);
        Assert.Equal(0, _method.Begun);
        client.AssertNothing();
    }

    [Theory]
    [InlineData(ReasonCode.ContinueAuthentication)]
    [InlineData(ReasonCode.ReAuthenticate)]
    [Clause("MQTT-4.12.0-7")]
    [Clause("MQTT-4.12.0-6")]
    public void Without_a_method_AUTH_is_a_protocol_error(ReasonCode reason)
    {
        TestClient client = _broker.Open();
        client.Connect("client");
        SendAuth(client, reason, "hello");
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(ProtocolVersion.Mqtt31)]
    [InlineData(ProtocolVersion.Mqtt311)]
    [Clause311("MQTT-4.8.0-1")]
    public void Before_5_0_there_is_no_AUTH(ProtocolVersion version)
    {
        TestClient client = _broker.Open();
        client.Connect("client", version);
        client.SendBytes(0xF0, 0x00);
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Fact]
    [Clause("MQTT-3.15.1-1")]
    public void The_reserved_bits_of_AUTH_must_be_0()
    {
        TestClient client = Established();
        client.SendBytes([0xF1, 0x0B, 0x19, 0x09, 0x15, .. RawConnect.Text("RIDDLE")]);
        client.AssertClosed(ReasonCode.MalformedPacket);
    }

    [Fact]
    [Clause("MQTT-3.15.2-1")]
    public void A_reason_that_AUTH_does_not_have_is_a_protocol_error()
    {
        TestClient client = Established();
        client.SendBytes([0xF0, 0x0B, 0x20, 0x09, 0x15, .. RawConnect.Text("RIDDLE")]);
        client.AssertClosed(ReasonCode.ProtocolError);
    }

    [Fact]
    public void Authentication_data_without_a_method_is_a_protocol_error()
    {
        TestClient client = (new RawConnect(ProtocolVersion.Mqtt50) { Properties = [0x16, .. RawConnect.Text("data")] }).SendOn(_broker.Open());
        Assert.Equal(ReasonCode.ProtocolError, client.Next(PacketType.ConnAck).Reason);
        Assert.True(client.IsClosed);
    }

    [Fact]
    [Clause("MQTT-3.1.2-24")]
    public void Who_could_not_take_an_AUTH_is_refused()
    {
        TestClient client = _broker.Open();
        Assert.Equal(ReasonCode.PacketTooLarge, client.Connect("client", maximumPacketSize: 20, authenticationMethod: "RIDDLE", authenticationData: "hello"u8.ToArray()).Reason);
        Assert.True(client.IsClosed);
    }

    [Fact]
    public void An_exchange_may_be_cut_short_by_the_network_and_by_the_connect_timeout()
    {
        _method.Defers = true;
        TestClient cut = Begin("hello");
        cut.Cut();
        Answer();
        TestClient slow = Begin("hello");
        Answer();
        slow.Next(PacketType.Auth);
        _broker.Advance(10.2);
        Assert.True(slow.IsClosed);
        Assert.True(_broker.Core.IsIdle);
        Assert.Equal(0, _broker.Core.SessionCount);
    }

    private static TestBroker WithPassword(string name, string password) => new(authenticator: new AskedAuthenticator(request =>
        request.UserName == name && request.Password is { } bytes && Encoding.UTF8.GetString(bytes) == password
            ? AuthenticationStep.Success()
            : AuthenticationStep.Refuse(ReasonCode.BadUserNameOrPassword)));

    private static void SendAuth(TestClient client, ReasonCode reason, string data) => client.Send(new AuthPacket
    {
        Reason = reason,
        HasAuthenticationMethod = true,
        AuthenticationMethod = "RIDDLE"u8,
        HasAuthenticationData = true,
        AuthenticationData = Encoding.UTF8.GetBytes(data),
    });

    private static void Continue(TestClient client, string data) => SendAuth(client, ReasonCode.ContinueAuthentication, data);

    private static void AssertAuth(Seen seen, ReasonCode reason, string data)
    {
        Assert.Equal((reason, "RIDDLE", data), (seen.Reason, seen.AuthenticationMethod, Encoding.UTF8.GetString(seen.AuthenticationData)));
        Assert.Equal(reason == ReasonCode.Success ? PacketType.ConnAck : PacketType.Auth, seen.Type);
    }

    private void Answer()
    {
        if (_method.Defers)
            _method.Answer(_broker);
    }

    private TestClient Begin(string data) =>
        (new RawConnect(ProtocolVersion.Mqtt50) { Properties = [0x15, .. RawConnect.Text("RIDDLE"), 0x16, .. RawConnect.Text(data)] }).SendOn(_broker.Open());

    private TestClient Established()
    {
        TestClient client = Begin("hello");
        Continue(client, "answer");
        Continue(client, "sure");
        Assert.Equal(ReasonCode.Success, client.TakeFirst(seen => seen.Type == PacketType.ConnAck).Reason);
        client.Rest();
        return client;
    }
}
